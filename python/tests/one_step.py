"""One optimizer step of `VisualSDPOTrainer` on given completions, with SGD at a rate of 1, so that the
change of the weights is the gradient. Run by test_trl_parity.py, also with several processes.

    python one_step.py MODEL ROLLOUTS.json OUT '{"per_device_train_batch_size": 4, ...}'
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import torch
from datasets import Dataset
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, AutoProcessor
from visual_sdpo.trl import VisualSDPOConfig, VisualSDPOTrainer


class Given(VisualSDPOTrainer):
    """Answers prompts with given completions instead of sampling."""

    def answer(self, rows: list[dict]) -> None:
        self.answers = {row["prompt"]: row["completions"] for row in rows}

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, **_):
        seen, out = defaultdict(int), []
        for prompt in self._prompts:
            content = prompt[-1]["content"]
            text = content if isinstance(content, str) else content[-1]["text"]
            out.append(self.answers[text][seen[text] % num_generations])
            seen[text] += 1
        return out, None


def dataset(rows: list[dict]) -> Dataset:
    def row(said: dict) -> dict:
        pictures = [Image.open(path).convert("RGB") for path in said["images"]]
        given = {"prompt": [{"role": "user", "content": said["prompt"]}]}
        given["requirements"] = json.dumps(said.get("requirements"))
        return given | ({"images": pictures} if pictures else {})

    return Dataset.from_list([row(said) for said in rows])


def main() -> None:
    model_path, rollouts, out, settings = sys.argv[1:]
    rows = json.loads(Path(rollouts).read_text())
    model = AutoModelForImageTextToText.from_pretrained(model_path, dtype=torch.float32)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    config = VisualSDPOConfig(
        output_dir=out,
        max_steps=1,
        num_generations=len(rows[0]["completions"]),
        max_completion_length=512,
        max_grad_norm=0.0,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_steps=1,
        log_pictures_every=0,
        **json.loads(settings),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    trainer = Given(
        model,
        config,
        dataset(rows),
        processing_class=AutoProcessor.from_pretrained(model_path, padding_side="left"),
        optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)),
    )
    trainer.answer(rows)
    trainer.train()
    if trainer.accelerator.is_main_process:
        trained = trainer.accelerator.unwrap_model(trainer.model)
        gradient = {name: before[name] - p.detach() for name, p in trained.named_parameters()}
        save_file({name: g.contiguous() for name, g in gradient.items()}, f"{out}/gradient.safetensors")
        Path(out, "log.json").write_text(json.dumps(trainer.state.log_history))


if __name__ == "__main__":
    main()
