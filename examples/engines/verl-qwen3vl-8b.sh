#!/usr/bin/env bash
# Visual-SDPO on charts with verl 0.9: Qwen3-VL-8B, full fine-tuning, one node of 8 GPUs with 80 GB.
# 6 GPUs train (FSDP) and sample (vLLM, three replicas of two); 2 serve the teacher, the frozen base.
#
#   pip install 'verl[vllm,fsdp]>=0.9.1,<0.10' target/wheels/visual_sdpo-*.whl pillow
#   VSDPO_HOME=~/visual-sdpo DATA=~/data/charts bash examples/engines/verl-qwen3vl-8b.sh
#
# $DATA/train.parquet and test.parquet have verl's columns: prompt (messages), images if there are any,
# data_source ("chart", anything may follow a "/"), reward_model ({"ground_truth": requirements as JSON,
# or ""}). VSDPO_HOME is the folder that `cargo xtask setup` prepared, on each node. Further arguments
# are appended, so they win: `... trainer.total_training_steps=10`.
# Composed with verl 0.9.1 on a CPU; not run on GPUs (docs/engines.md).
set -euo pipefail

MODEL=${MODEL:-Qwen/Qwen3-VL-8B-Instruct}
AGENTS=8
# Each agent process draws: together as many renders at a time as half of the cores.
RENDERS=$(($(nproc) / (2 * AGENTS)))
export VSDPO_HOME VSDPO_RENDER_TIMEOUT=10 VSDPO_RENDER_WORKERS=$((RENDERS > 0 ? RENDERS : 1))

data=(
    data.train_files="$DATA/train.parquet"
    data.val_files="$DATA/test.parquet"
    data.train_batch_size=48
    data.max_prompt_length=3072
    data.max_response_length=3072
    data.filter_overlong_prompts=True
)
actor=(
    actor_rollout_ref.model.path="$MODEL"
    actor_rollout_ref.model.external_lib=visual_sdpo.verl
    actor_rollout_ref.model.enable_gradient_checkpointing=True
    actor_rollout_ref.model.use_remove_padding=True
    actor_rollout_ref.actor.freeze_vision_tower=True
    actor_rollout_ref.actor.optim.lr=1e-6
    actor_rollout_ref.actor.optim.lr_warmup_steps=10
    actor_rollout_ref.actor.ppo_mini_batch_size=48
    actor_rollout_ref.actor.use_dynamic_bsz=True
    actor_rollout_ref.actor.ppo_max_token_len_per_gpu=12288
    actor_rollout_ref.actor.use_kl_loss=False
    actor_rollout_ref.actor.clip_ratio_high=0.28
    # Equation 6 is a mean over rollouts; verl's default counts a rollout by its length.
    actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean
)
rollout=(
    actor_rollout_ref.rollout.name=vllm
    actor_rollout_ref.rollout.n=8
    # The teacher's log-probabilities are those of temperature 1.
    actor_rollout_ref.rollout.temperature=1.0
    actor_rollout_ref.rollout.top_p=1.0
    actor_rollout_ref.rollout.tensor_model_parallel_size=2
    actor_rollout_ref.rollout.gpu_memory_utilization=0.5
    actor_rollout_ref.rollout.agent.num_workers=$AGENTS
    +actor_rollout_ref.rollout.agent.agent_loop_manager_class=visual_sdpo.verl.worker.VisualSDPOManager
)
teacher=(
    distillation.enabled=True
    distillation.nnodes=1
    distillation.n_gpus_per_node=2
    distillation.teacher_models.teacher_model.model_path="$MODEL"
    distillation.teacher_models.teacher_model.inference.tensor_model_parallel_size=1
    # Room for the longest teacher prompt, the longest response and one token.
    distillation.teacher_models.teacher_model.inference.max_model_len=9728
    distillation.teacher_models.teacher_model.inference.max_num_batched_tokens=4096
    distillation.distillation_loss.loss_mode=visual_sdpo_forward_kl_topk
    distillation.distillation_loss.topk=64
    distillation.distillation_loss.use_policy_gradient=False
    distillation.distillation_loss.use_task_rewards=True
    distillation.distillation_loss.distillation_loss_coef=1.0
    +visual_sdpo.amplify=3
    +visual_sdpo.max_teacher_tokens=6144
)
trainer=(
    algorithm.adv_estimator=grpo
    algorithm.norm_adv_by_std_in_grpo=False
    trainer.nnodes=1
    trainer.n_gpus_per_node=6
    trainer.total_epochs=1
    trainer.save_freq=50
    trainer.test_freq=25
    trainer.logger='["console","tensorboard"]'
    trainer.project_name=visual-sdpo
    trainer.experiment_name=chart-qwen3vl-8b
)

# The reward is that of the agent loop, which has drawn the response anyway: no reward function here.
exec python -m verl.trainer.main_ppo "${data[@]}" "${actor[@]}" "${rollout[@]}" "${teacher[@]}" "${trainer[@]}" "$@"
