"""The reward of this project (equation 8) inside TRL's own GRPO trainer, on a CPU, in about a minute.

    pip install "$(ls target/wheels/*.whl)[trl]"     # the wheel: cargo xtask wheel
    python examples/reward_only.py

No teacher and no token weights: the renders decide the reward and nothing else. Whoever trains with
GRPO already adds the one line `reward_funcs=[trl_reward("chart")]` and, if a task names what its
chart must show, the column `requirements` of the data set. For the method itself see trl_mini.py.
"""

import argparse
import json

import torch
import visual_sdpo as core
from datasets import Dataset
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import GRPOConfig, GRPOTrainer
from visual_sdpo.rewards import trl_reward

# What a run prints of TRL's metrics.
SHOWN = ("reward", "rewards/visual_sdpo/mean", "frac_reward_zero_std", "completions/mean_length", "exec/unscored")


def rows(count: int, seed: int) -> list[dict]:
    """Tasks of the embedded world in TRL's conversational form."""
    tasks = core.mini_tasks("chart", split="train", count=count, seed=seed)
    return [
        {
            "prompt": [{"role": "user", "content": [{"type": "text", "text": task["prompt"]}]}],
            "requirements": json.dumps(task["requirements"]),
        }
        for task in tasks
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="assets/mini")
    parser.add_argument("--out", default="runs/reward-only")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    config = GRPOConfig(
        output_dir=args.out,
        seed=args.seed,
        max_steps=args.steps,
        per_device_train_batch_size=16,
        num_generations=4,
        max_completion_length=256,
        learning_rate=5e-4,
        # The reward is a share of satisfied axes: dividing by the deviation of a group would make
        # one axis of difference as large as success against failure.
        scale_rewards="none",
        gradient_checkpointing=False,
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=not torch.cuda.is_available(),
    )
    trainer = GRPOTrainer(
        AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.float32),
        reward_funcs=[trl_reward("chart")],
        args=config,
        train_dataset=Dataset.from_list(rows(4 * args.steps, args.seed)),
        processing_class=AutoProcessor.from_pretrained(args.model, padding_side="left"),
    )
    trainer.train()
    for line in trainer.state.log_history:
        print(json.dumps({"step": line["step"], **{name: line[name] for name in SHOWN if name in line}}))


if __name__ == "__main__":
    main()
