#!/usr/bin/env bash
# GRPO on charts with the reward of equation 8 in ms-swift 4: Qwen3-VL-8B, one node of 8 GPUs with 80 GB.
#
#   pip install 'ms-swift>=4.6,<5' vllm deepspeed target/wheels/visual_sdpo-*.whl
#   VSDPO_HOME=~/visual-sdpo DATA=~/data/charts.jsonl bash examples/engines/ms-swift-qwen3vl-8b.sh
#
# Rows of $DATA: messages, images if there are any, domain ("chart"), requirements (an object or JSON).
# This is the reward alone. ms-swift's own self-distillation (`--rlhf_type gkd` with the columns
# `teacher_prompt` and `teacher_images`) cannot take the rest of the method: its pictures are columns
# that are fixed before the rollout, and the picture here is the rollout's own render.
# Arguments checked against ms-swift 4.6.0; not run on GPUs (docs/engines.md).
set -euo pipefail
export VSDPO_HOME VSDPO_RENDER_TIMEOUT=10 VSDPO_RENDER_WORKERS=${VSDPO_RENDER_WORKERS:-4}

# Batches are equal on all processes: 8 devices * 4 * 4 steps = 128 rollouts, 16 groups of 8.
NPROC_PER_NODE=8 MAX_PIXELS=1048576 exec swift rlhf \
    --rlhf_type grpo \
    --model "${MODEL:-Qwen/Qwen3-VL-8B-Instruct}" \
    --dataset "$DATA" \
    --external_plugins "$(dirname "$0")/ms_swift_plugin.py" \
    --reward_funcs visual_sdpo \
    --tuner_type full \
    --freeze_vit true \
    --torch_dtype bfloat16 \
    --deepspeed zero3 \
    --use_vllm true \
    --vllm_mode colocate \
    --vllm_tensor_parallel_size 2 \
    --vllm_gpu_memory_utilization 0.4 \
    --vllm_max_model_len 8192 \
    --sleep_level 1 \
    --max_length 4096 \
    --max_completion_length 3072 \
    --num_generations 8 \
    --per_device_train_batch_size 4 \
    --gradient_accumulation_steps 4 \
    --temperature 1.0 \
    --top_p 1.0 \
    --loss_type grpo \
    --epsilon_high 0.28 \
    --scale_rewards none \
    --beta 0 \
    --learning_rate 1e-6 \
    --warmup_ratio 0.05 \
    --gradient_checkpointing true \
    --num_train_epochs 1 \
    --logging_steps 1 \
    --save_steps 50 \
    --log_completions true \
    --report_to tensorboard \
    --output_dir runs/ms-swift-chart \
    "$@"
