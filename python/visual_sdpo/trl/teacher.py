"""Whose weights re-score the student's tokens: `live`, `base`, `ema` or `trust_region`."""

from __future__ import annotations

import copy
from contextlib import contextmanager

import torch
from accelerate.utils import is_peft_model
from transformers import TrainerCallback
from trl.models import prepare_deepspeed, prepare_fsdp
from trl.trainer.utils import use_adapter

from .model import add_distill_head

# The name of the averaged adapter; its checkpoints lie in a folder of this name.
AVERAGE = "teacher"


class TeacherModel:
    """Gives the teacher's hidden states.

    With LoRA the base is the model without its adapter and the average a second adapter, so no
    weights are kept twice. With full fine-tuning both are a second copy of the model.
    """

    def __init__(self, kind: str, trust_rate: float, full_copy: torch.nn.Module | None):
        self.kind, self.trust_rate, self.copy = kind, trust_rate, full_copy

    @staticmethod
    def needs_copy(kind: str, peft: bool) -> bool:
        """Whether the kind keeps a second copy of the whole model."""
        return kind != "live" and not peft

    def begin(self, trainer) -> None:
        """Readies copies and adapters, once the trainer has its model."""
        model = trainer.accelerator.unwrap_model(trainer.model)
        if self.copy is not None:
            self.copy.requires_grad_(False).eval()
            add_distill_head(self.copy)
            self.copy = _placed(self.copy, trainer)
        elif self.kind == "ema" and AVERAGE not in model.peft_config:
            student = model.active_adapter
            model.add_adapter(AVERAGE, copy.copy(model.peft_config[student]))
            _average(_adapter(model, AVERAGE), _adapter(model, student), 1.0)
            model.set_adapter(student)
        if self.kind == "ema":
            trainer.add_callback(_Follow(self, trainer))

    @torch.no_grad()
    def states(self, trainer, model, batch: dict, tokens: int) -> list[tuple]:
        """(states (B, T, d), owner of the head or None, share of the logits) of each teacher."""
        shares = {
            "live": [("live", 1.0)],
            "base": [("base", 1.0)],
            "ema": [("ema", 1.0)],
            "trust_region": [("base", 1.0 - self.trust_rate), ("live", self.trust_rate)],
        }[self.kind]
        with _without_dropout(model), trainer.accelerator.autocast():
            return [(*self._of(who, trainer, model, batch, tokens), share) for who, share in shares if share > 0.0]

    def _of(self, who: str, trainer, model, batch: dict, tokens: int) -> tuple:
        if who == "live":
            return model(**batch, states_of=tokens).hidden, None
        if self.copy is not None:
            owner = trainer.accelerator.unwrap_model(self.copy)
            return self.copy(**batch, states_of=tokens).hidden, owner
        adapter = AVERAGE if who == "ema" else None
        with use_adapter(trainer.accelerator.unwrap_model(model), adapter):
            return model(**batch, states_of=tokens).hidden, None

    @torch.no_grad()
    def follow(self, trainer) -> None:
        """theta_T <- (1 - rate) theta_T + rate theta."""
        model = trainer.accelerator.unwrap_model(trainer.model)
        rate = trainer.args.ema_rate
        if is_peft_model(model):
            _average(_adapter(model, AVERAGE), _adapter(model, model.active_adapter), rate)
        else:
            theirs = dict(model.named_parameters())
            ours = dict(trainer.accelerator.unwrap_model(self.copy).named_parameters())
            _average(ours, theirs, rate)


class _Follow(TrainerCallback):
    def __init__(self, teacher: TeacherModel, trainer):
        self.teacher, self.trainer = teacher, trainer

    def on_step_end(self, args, state, control, **kwargs):
        self.teacher.follow(self.trainer)


def _average(ours: dict, theirs: dict, rate: float) -> None:
    for name, parameter in ours.items():
        parameter.data.lerp_(theirs[name].data.to(parameter.dtype), rate)


def _adapter(model, name: str) -> dict:
    """The parameters of one adapter, by their names without it."""
    return {key.replace(f".{name}.", "."): p for key, p in model.named_parameters() if f".{name}." in key}


def _placed(model, trainer):
    """Wraps a frozen model as the trainer's backend needs it."""
    if trainer.is_deepspeed_enabled:
        return prepare_deepspeed(model, trainer.accelerator)
    if trainer.is_fsdp_enabled:
        return prepare_fsdp(model, trainer.accelerator)
    return trainer.accelerator.prepare_model(model, evaluation_mode=True)


@contextmanager
def _without_dropout(model):
    """A live teacher that drops units is noise on top of the student's own."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
