"""What the trainer asks of a causal language model besides log-probabilities.

The model's `forward` gets two more calls. They run inside `forward`, because FSDP and DeepSpeed
gather sharded parameters there and nowhere else.
"""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass
from typing import Callable

import torch
from torch.distributed.tensor import DTensor
from transformers.utils import ModelOutput
from trl.trainer.utils import maybe_gather_lm_head_ctx

from ..divergence import Divergence, Teacher, head


@dataclass
class States(ModelOutput):
    """hidden: final-norm states that score the completion, (B, T, d)."""

    hidden: torch.Tensor | None = None


@dataclass
class Scores(ModelOutput):
    """What the head made of each completion token, each (B, T) float32; 0 where masked."""

    log_probs: torch.Tensor | None = None
    entropy: torch.Tensor | None = None
    divergence: torch.Tensor | None = None
    teacher_log_probs: torch.Tensor | None = None


@dataclass
class Distill:
    """The call `forward(..., distill=Distill(...))`.

    targets: completion ids, (B, T). mask: 1 for tokens that count, (B, T). teachers: states of
    shape (B, T, d), the model whose head reads them (`None`: the student's), and the share of each.
    """

    targets: torch.Tensor
    mask: torch.Tensor
    teachers: list[tuple[torch.Tensor, torch.nn.Module | None, float]]
    divergence: Divergence
    temperature: float
    rows: int


def add_distill_head(model: torch.nn.Module) -> None:
    """Adds the two calls to a model of transformers (not to a PEFT wrapper).

    `model(..., states_of=T)` returns `States`, `model(..., distill=Distill(...))` returns `Scores`;
    every other call is as before.
    """
    before: Callable = model.forward

    @functools.wraps(type(model).forward)
    def forward(self, *args, states_of: int | None = None, distill: Distill | None = None, **kwargs):
        if states_of is None and distill is None:
            return before(*args, **kwargs)
        tokens = states_of or distill.targets.size(1)
        hidden = self.base_model(*args, **kwargs, use_cache=False).last_hidden_state
        hidden = hidden[:, -tokens - 1 : -1]
        return States(hidden) if distill is None else _scores(self, hidden, distill)

    model.forward = types.MethodType(forward, model)


def _scores(model, hidden: torch.Tensor, distill: Distill) -> Scores:
    mask = distill.mask.bool()
    heads = [model.get_output_embeddings()]
    heads += [heads[0] if owner is None else owner.get_output_embeddings() for _, owner, _ in distill.teachers]
    with maybe_gather_lm_head_ctx(*[p for h in heads for p in (h.weight, h.bias)]):
        own, *others = [(_whole(h.weight), _whole(h.bias)) for h in heads]
        teachers = [
            Teacher(states[mask], weight.detach(), bias, rate)
            for (states, _, rate), (weight, bias) in zip(distill.teachers, others)
        ]
        out = head(
            hidden[mask],
            *own,
            distill.targets[mask],
            teachers=teachers,
            divergence=distill.divergence,
            temperature=distill.temperature,
            rows=distill.rows,
        )
    # `masked_scatter` keeps a batch without a single token connected to the model, so that all
    # processes take part in the backward pass.
    return Scores(*(value.new_zeros(mask.shape).masked_scatter(mask, value) for value in out))


def _whole(parameter: torch.Tensor | None) -> torch.Tensor | None:
    return parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
