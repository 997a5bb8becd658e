"""Visual-SDPO on Qwen3-VL-8B with LoRA: charts, pages or slides, on one GPU or on eight.

    DATA=rows.jsonl sh examples/trl_qwen3vl_8b/chart.sh             # one GPU
    DATA=rows.jsonl CONFIG=8gpu sh examples/trl_qwen3vl_8b/chart.sh      # eight

README.md beside this file has the columns of the data set, the memory plan and what was not run.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import visual_sdpo as core
from datasets import Dataset, Image, List, load_dataset
from peft import LoraConfig
from transformers import AutoProcessor
from visual_sdpo.trl import VisualSDPOConfig, VisualSDPOTrainer

# The linear layers of the language model; the vision tower has other names and stays as it is.
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LANGUAGE = {"chart": "python", "web": "html", "slide": "html"}
PAGE_SCORES = ("block_match", "text", "position", "color")


def load(path: pathlib.Path, max_pixels: int) -> Dataset:
    """The rows of a .jsonl or .parquet file: `prompt`, and optionally `images`, `requirements`, `reference`."""
    if path.suffix == ".parquet":
        rows = load_dataset("parquet", data_files=str(path), split="train")
    else:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = Dataset.from_list([_row(json.loads(line), path.parent) for line in lines if line.strip()])
    if "prompt" not in rows.column_names:
        has = ", ".join(rows.column_names)
        raise SystemExit(f"{path} has no column `prompt` (it has {has}); help: README.md says which columns are read")
    if "images" in rows.column_names:
        rows = rows.cast_column("images", List(Image()))
    return rows.with_transform(lambda batch: _prepared(batch, max_pixels))


def _row(row: dict, folder: pathlib.Path) -> dict:
    # As text, because the requirements of two rows need not have the same keys and types.
    if isinstance(row.get("requirements"), dict):
        row["requirements"] = json.dumps(row["requirements"])
    if "images" in row:
        row["images"] = [str(folder / name) for name in row["images"] or []]
    return row


def _prepared(batch: dict, max_pixels: int) -> dict:
    """Conversations in place of plain prompts, and pictures of at most `max_pixels`.

    The pictures are made smaller here and not by a setting of the processor, because vLLM reads
    them with a processor of its own, and both must count the same tokens.
    """
    batch["prompt"] = [p if isinstance(p, list) else [{"role": "user", "content": p}] for p in batch["prompt"]]
    if "images" in batch:
        batch["images"] = [[_shrunk(picture, max_pixels) for picture in row or []] for row in batch["images"]]
    return batch


def _shrunk(picture, max_pixels: int):
    scale = (max_pixels / (picture.width * picture.height)) ** 0.5
    picture = picture.convert("RGB")
    if scale >= 1.0:
        return picture
    return picture.resize((max(1, int(picture.width * scale)), max(1, int(picture.height * scale))))


def likeness(domain: str, threads: int):
    """How much the artifact is like the one of the column `reference`, from 0 to 1: the mean of
    ChartMimic's four F1 scores, or of Design2Code's four scores without CLIP."""

    def score(text: str, reference: str | None) -> float | None:
        if not reference:
            return None
        code = core.extract_code(text, LANGUAGE[domain])[0]
        if domain == "chart":
            low = core.score_chartmimic(code, reference)["low"]
            return None if low is None else low / 100.0
        found = core.score_design2code(code, reference)
        # A reference in which the benchmark finds no text (one without <body>) says nothing.
        if found["overall_without_clip"] is None or found["blocks"]["ref"] == 0:
            return None
        return sum(found[name] for name in PAGE_SCORES) / len(PAGE_SCORES)

    def reference(completions, reference, **_) -> list[float | None]:
        texts = [c if isinstance(c, str) else _text(c[-1]["content"]) for c in completions]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(score, texts, reference))

    return reference


def _text(content) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def settings(args) -> VisualSDPOConfig:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    rollouts, at_once = args.prompts * args.group, args.per_device * processes
    if rollouts % at_once:
        raise SystemExit(
            f"{args.prompts} x {args.group} rollouts do not divide into {processes} processes of {args.per_device}; "
            "help: change --prompts, --group or --per-device"
        )
    return VisualSDPOConfig(
        output_dir=args.out,
        domain=args.domain,
        teacher=args.teacher,
        render_workers=args.workers,
        seed=args.seed,
        max_steps=args.max_steps,
        per_device_train_batch_size=args.per_device,
        gradient_accumulation_steps=rollouts // at_once,
        num_generations=args.group,
        max_completion_length=args.tokens,
        learning_rate=args.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=10,
        max_grad_norm=1.0,
        model_init_kwargs={"dtype": "float32" if args.cpu else args.dtype},
        bf16=not args.cpu,
        use_cpu=args.cpu,
        use_vllm=not args.cpu,
        vllm_mode="colocate",
        vllm_gpu_memory_utilization=args.vllm_memory,
        vllm_max_model_length=args.context,
        vllm_enable_sleep_mode=args.sleep,
        ddp_find_unused_parameters=False,
        logging_steps=1,
        save_strategy="steps",
        save_steps=40,
        save_total_limit=2,
        report_to=args.report_to,
    )


def arguments() -> argparse.Namespace:
    cores = os.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domain", choices=sorted(LANGUAGE), required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help=".jsonl or .parquet")
    parser.add_argument("--model", default="Qwen/Qwen3-VL-8B-Instruct", help="a folder, or a name of the hub")
    parser.add_argument("--out", default="runs/qwen3vl-8b")
    parser.add_argument("--max-steps", type=int, default=300)
    parser.add_argument("--prompts", type=int, default=32, help="prompts per step, all processes together")
    parser.add_argument("--group", type=int, default=8, help="completions per prompt")
    parser.add_argument("--tokens", type=int, default=2048, help="limit of a completion")
    parser.add_argument("--context", type=int, default=6144, help="limit of prompt and completion in vLLM")
    parser.add_argument("--max-pixels", type=int, default=1280 * 720, help="of a picture of the task")
    parser.add_argument("--per-device", type=int, default=4, help="completions in one forward pass")
    parser.add_argument("--rank", type=int, default=64, help="of LoRA")
    parser.add_argument("--learning-rate", type=float, default=2e-5, help="not tuned")
    parser.add_argument("--teacher", default="trust_region", help="live, base, ema or trust_region")
    parser.add_argument("--dtype", default="bfloat16", help="of the frozen weights: bfloat16 or float32")
    parser.add_argument("--vllm-memory", type=float, default=0.45, help="share of the GPU for vLLM")
    parser.add_argument("--sleep", action="store_true", help="vLLM gives its memory back while the model is updated")
    parser.add_argument("--workers", type=int, default=max(1, cores), help="renders at the same time, per process")
    parser.add_argument("--report-to", nargs="*", default=[], help="tensorboard, wandb, ...")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cpu", action="store_true", help="no GPU and no vLLM: a check with a tiny model")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    rows = load(args.data, args.max_pixels)
    compared = args.domain != "slide" and "reference" in rows.column_names
    config = settings(args)
    if compared:
        config.reward_weights = [0.5, 0.5]
    trainer = VisualSDPOTrainer(
        args.model,
        config,
        rows,
        reward_funcs=[likeness(args.domain, args.workers)] if compared else [],
        processing_class=AutoProcessor.from_pretrained(args.model, padding_side="left", truncation_side="left"),
        peft_config=LoraConfig(r=args.rank, lora_alpha=args.rank, target_modules=TARGETS, task_type="CAUSAL_LM"),
    )
    # --max-steps counts from the beginning, so the same line goes on after an interruption.
    trainer.train(resume_from_checkpoint=any(pathlib.Path(args.out).glob("checkpoint-*")) or None)
    trainer.save_model(str(pathlib.Path(args.out) / "last"))


if __name__ == "__main__":
    main()
