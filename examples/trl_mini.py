"""Trains the embedded policy on charts with TRL, on a CPU, in about five minutes.

    cargo xtask wheel
    pip install "$(ls target/wheels/*.whl)[trl]"
    python examples/trl_mini.py --out runs/trl-mini

The policy has 3.6 M parameters and the architecture of Qwen3-VL; for a real one change `--model`,
the data set and the launch line (docs/engines.md). The last line printed is the mean reward on
tasks of the dev split before and after, with 95 % intervals.
"""

import argparse
import json
import statistics

import torch
import visual_sdpo as core
from datasets import Dataset
from transformers import AutoModelForImageTextToText, AutoProcessor, set_seed
from visual_sdpo.trl import VisualSDPOConfig, VisualSDPOTrainer


def rows(split: str, count: int, seed: int) -> list[dict]:
    """Tasks of the embedded world in TRL's conversational form."""
    tasks = core.mini_tasks("chart", split=split, count=count, seed=seed)
    return [
        {
            "prompt": [{"role": "user", "content": [{"type": "text", "text": task["prompt"]}]}],
            "requirements": json.dumps(task["requirements"]),
        }
        for task in tasks
    ]


@torch.no_grad()
def mean_reward(model, processor, pool, tasks: list[dict], batch: int = 32) -> tuple[float, float, float]:
    """Mean reward of one sampled answer a task, and its 95 % interval over tasks."""
    model.eval()
    rewards = []
    for first in range(0, len(tasks), batch):
        part = tasks[first : first + batch]
        inputs = processor.apply_chat_template(
            [row["prompt"] for row in part],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            padding=True,
        )
        out = model.generate(**inputs, max_new_tokens=256, do_sample=True, temperature=1.0, top_k=0, top_p=1.0)
        texts = processor.batch_decode(out[:, inputs["input_ids"].size(1) :], skip_special_tokens=True)
        codes = [core.extract_code(text, "python")[0] for text in texts]
        for row, outcome in zip(part, pool.render_all(codes)):
            task = core.Task("", "chart", requirements=json.loads(row["requirements"]))
            rewards.append(core.reward(task, [outcome])[0] or 0.0)
    mean = statistics.fmean(rewards)
    half = 1.96 * statistics.stdev(rewards) / len(rewards) ** 0.5
    return round(mean, 3), round(mean - half, 3), round(mean + half, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="assets/mini")
    parser.add_argument("--out", default="runs/trl-mini")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=96, help="dev tasks before and after")
    args = parser.parse_args()

    processor = AutoProcessor.from_pretrained(args.model, padding_side="left")
    model = AutoModelForImageTextToText.from_pretrained(args.model, dtype=torch.float32)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("visual" not in name)
    dev = rows("dev", args.tasks, args.seed)
    config = VisualSDPOConfig(
        output_dir=args.out,
        domain="chart",
        seed=args.seed,
        max_steps=args.steps,
        per_device_train_batch_size=16,
        num_generations=2,
        max_completion_length=256,
        learning_rate=5e-4,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=5,
        max_grad_norm=0.3,
        adam_beta2=0.99,
        gradient_checkpointing=False,
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=not torch.cuda.is_available(),
    )
    trainer = VisualSDPOTrainer(
        model, config, Dataset.from_list(rows("train", 16 * args.steps, args.seed)), processing_class=processor
    )
    pool = trainer.feedback.pool
    set_seed(args.seed)
    before = mean_reward(model, processor, pool, dev)
    trainer.train()
    set_seed(args.seed)
    after = mean_reward(trainer.model, processor, pool, dev)
    print(json.dumps({"steps": args.steps, "seed": args.seed, "before": before, "after": after}))


if __name__ == "__main__":
    main()
