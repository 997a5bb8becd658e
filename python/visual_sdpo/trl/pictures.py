"""The pictures of a run: what was asked for, what was drawn, and where the defects are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from accelerate.utils import gather_object
from PIL import Image, ImageDraw

from .feedback import Rollout

FRAME = (220, 38, 38)


class Pictures:
    """Writes `images/` and `rollouts.jsonl` under the run's folder, and hands the pictures to the
    tables that TRL sends to its loggers.

    Every page of a render is kept, not only the first.
    """

    def __init__(self, args):
        self.every = args.log_pictures_every
        self.folder = Path(args.output_dir)
        self.saved = -1

    def save(self, trainer, rollouts: list[Rollout], rows: list[dict]) -> None:
        """Saves the rollouts of the present step, if it is its turn."""
        step = trainer.state.global_step
        if not self.every or step % self.every or step == self.saved or not trainer.model.training:
            return
        self.saved = step
        images = self.folder / "images"
        images.mkdir(parents=True, exist_ok=True)
        process = trainer.accelerator.process_index
        shown, lines = [], []
        for i, (rollout, row) in enumerate(zip(rollouts, rows)):
            pictures = {**_targets(row), **_renders(rollout)}
            stem = f"step-{step:06d}-{process}-{i:03d}"
            for name, picture in pictures.items():
                picture.save(images / f"{stem}-{name}.png")
            shown.append(list(pictures.values()))
            lines.append(_line(rollout, step, [f"images/{stem}-{name}.png" for name in pictures]))
        with (self.folder / f"rollouts-{process}.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        if trainer.log_multimodal:
            trainer._logs["images"].clear()
            trainer._logs["images"].extend(gather_object(shown))


def _targets(row: dict) -> dict[str, Image.Image]:
    """The pictures of the task."""
    found = row.get("images") or [row.get("image")]
    return {f"target-{i}": picture for i, picture in enumerate(found) if isinstance(picture, Image.Image)}


def _renders(rollout: Rollout) -> dict[str, Image.Image]:
    """Each page as it is, and with a frame around each defect."""
    pictures = {}
    for page, pixels in enumerate(rollout.outcome.pages):
        picture = Image.fromarray(np.asarray(pixels)).convert("RGB")
        pictures[f"render-{page}"] = picture
        framed = picture.copy()
        draw = ImageDraw.Draw(framed)
        for defect in rollout.diagnosis.defects:
            if defect["page"] == page:
                for region in defect["regions"]:
                    draw.rectangle([round(side) for side in region], outline=FRAME, width=2)
        pictures[f"blame-{page}"] = framed
    return pictures


def _line(rollout: Rollout, step: int, pictures: list[str]) -> dict:
    return {
        "step": step,
        "code": rollout.code,
        "finished": rollout.finished,
        "reward": rollout.reward,
        "error": rollout.outcome.error,
        "defects": [defect["message"] for defect in rollout.diagnosis.defects],
        "pictures": pictures,
    }
