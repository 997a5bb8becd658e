"""The settings of `VisualSDPOTrainer`: TRL's for GRPO, and those of the method."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from trl import GRPOConfig

from ..divergence import Divergence

TEACHERS = ("live", "base", "ema", "trust_region")
CHANNELS = ("image", "rubric")
RUBRICS = ("binary", "observed", "full")
TRUNCATED = ("keep", "drop")


def _setting(default, text: str):
    return field(default=default, metadata={"help": text})


@dataclass
class VisualSDPOConfig(GRPOConfig):
    """Settings of Visual-SDPO. Names and defaults are those of the recipes of `visual-sdpo train`.

    Three defaults of TRL differ here, because the recipes' do: `scale_rewards = "none"` (advantage
    is reward minus the group's mean), `epsilon_high = 0.28` and `log_completions = False`. TRL's
    `beta` stays what it is there, the coefficient of a KL penalty towards the initial policy; the
    beta of equation 7 is `grpo_weight`.
    """

    scale_rewards: str = _setting("none", "Advantage: none (reward - mean), group or batch (divided by the std).")
    epsilon_high: float | None = _setting(0.28, "Upper bound of the clipped ratio.")

    domain: str = _setting("chart", "chart, web or slide: decides rules, axes and renderer.")
    language: str | None = _setting(None, "python or html; None is the domain's usual one.")
    render_workers: int | None = _setting(None, "Renders of a process at the same time; None: its share of the cores.")
    render_timeout: float = _setting(10.0, "Seconds after which a render is stopped.")
    axis_weights: dict | None = _setting(None, "Weight of each axis in the reward, sum 1; None: all equal.")

    distill_weight: float = _setting(1.0, "Factor of the distillation loss; 0 turns the teacher off.")
    grpo_weight: float = _setting(1.0, "Factor of the policy gradient: beta of equation 7.")
    amplify: float = _setting(3.0, "Weight of a statement that answers for a defect (equation 5); 1 is uniform.")
    overlap: str = _setting("iou", "How equation 4 compares element and defect: iou or ioa.")
    channels: list[str] | None = _setting(
        None, "What the teacher sees of a render: image, rubric; None: both, or rubric for a text-only model."
    )
    rubric: str = _setting("binary", "binary (the paper's), observed (with values) or full (with remedies).")
    teacher: str = _setting(
        "trust_region",
        "live (the paper's: the current weights), base (frozen; LoRA: adapter off), ema, or trust_region "
        "(logits mixed of base and live).",
    )
    ema_rate: float = _setting(0.05, "Of `ema`: share of the student's weights after each step.")
    trust_rate: float = _setting(0.5, "Of `trust_region`: share of the live logits; 0 is base, 1 is live.")
    divergence: str = _setting(
        "forward_kl", "reverse_kl (the paper's: student first), forward_kl (ours: no seed collapsed) or jsd."
    )
    jsd_alpha: float = _setting(0.5, "Of `jsd`: share of the teacher in the mixture.")
    divergence_top_k: int | None = _setting(
        None, "Support: the student's k likeliest tokens and one bucket for the rest; None: the whole vocabulary."
    )
    divergence_rows: int = _setting(128, "Positions whose logits exist at the same time.")
    truncated: str = _setting("keep", "Completions that met the length limit: keep them in the distillation, or drop.")
    is_clip: float = _setting(2.0, "Cap of the importance weight of the divergence.")
    max_teacher_tokens: int = _setting(8192, "A rollout whose teacher prompt is longer is not distilled.")

    max_logp_difference: float | None = _setting(
        0.1,
        "Stop when the mean |log p| difference between engine and trainer is above it; measured where the engine "
        "reports log-probabilities (vLLM). None: never.",
    )
    log_pictures_every: int = _setting(10, "Steps between saved pictures (target, render, blame); 0: never.")

    def __post_init__(self):
        super().__post_init__()
        _one_of("teacher", self.teacher, TEACHERS)
        _one_of("rubric", self.rubric, RUBRICS)
        _one_of("truncated", self.truncated, TRUNCATED)
        for channel in self.channels or ():
            _one_of("channels", channel, CHANNELS)
        for name in ("ema_rate", "trust_rate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; help: write a number from 0 to 1")
        if self.amplify < 1.0:
            raise ValueError(f"amplify is {self.amplify}; help: write 1 (uniform) or more")
        self.how()
        # TRL gathers every picture of every prompt on each process for its tables of completions.
        self.log_multimodal = self.log_multimodal and self.log_completions
        if self.render_workers is None:
            self.render_workers = max(1, _cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
        self._keeps_groups_together()

    def how(self) -> Divergence:
        """The divergence as the head takes it."""
        return Divergence(self.divergence, self.jsd_alpha, self.divergence_top_k)

    def _keeps_groups_together(self):
        """Equation 8 has one denominator for all rollouts of a task, so one process must see them."""
        local = self.per_device_train_batch_size * self.steps_per_generation
        if local % self.num_generations:
            raise ValueError(
                f"one process draws {local} completions at a time, which does not divide into groups of "
                f"{self.num_generations}; help: make per_device_train_batch_size * steps_per_generation a multiple "
                "of num_generations"
            )


def _cores() -> int:
    """Those that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_of(name: str, value: str, known: tuple[str, ...]):
    if value not in known:
        raise ValueError(f"{name} is `{value}`; help: write one of {', '.join(known)}")
