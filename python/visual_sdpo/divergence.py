"""The language-model head and the divergence to the teacher in one pass, a few rows at a time.

Equation 3 of the paper needs the whole next-token distributions of student and teacher. With a
vocabulary of 152 thousand entries they must not exist for a batch: `head` walks over the
completion positions in chunks, keeps one number a position, and computes the logits again in the
backward pass. Symbols: p is the student's distribution, q the teacher's (a constant), D their
divergence, delta = log p - log q.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch

# Log-probabilities of the teacher below this are raised to it, so that a token that the teacher
# excludes costs much but not infinity. The Rust trainer has the same floor.
FLOOR = -100.0

KINDS = ("reverse_kl", "forward_kl", "jsd")


@dataclass(frozen=True)
class Divergence:
    """Which divergence between student S and teacher T is taken, over which support.

    Args:
        kind: `reverse_kl` is KL(S || T), the paper's; `forward_kl` is KL(T || S); `jsd` is
            (1 - alpha) KL(S || M) + alpha KL(T || M) with M = (1 - alpha) S + alpha T.
        alpha: share of the teacher in M; `jsd` only; above 0 and below 1.
        top_k: `None` for the whole vocabulary; else the student's k likeliest tokens and one bucket
            for all others, which is never above the divergence over the whole vocabulary.

    Raises:
        ValueError: for a value outside its range.
    """

    kind: str = "reverse_kl"
    alpha: float = 0.5
    top_k: int | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"divergence `{self.kind}` is unknown; help: use one of {', '.join(KINDS)}")
        if self.kind == "jsd" and not 0.0 < self.alpha < 1.0:
            raise ValueError(f"alpha is {self.alpha}; help: write a number above 0 and below 1")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}; help: write 1 or more, or None for the whole vocabulary")


class Teacher(NamedTuple):
    """One teacher: constants.

    hidden: final-norm hidden states, (N, d). weight: its head, (V, d). bias: (V,) or None. rate:
    its share of the logits; the rates of all teachers sum to 1. Mixing logits is the trust region:
    a geometric mean of the distributions, renormalised.
    """

    hidden: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None
    rate: float


class HeadOutput(NamedTuple):
    """One number a position, each float32 of shape (N,)."""

    log_probs: torch.Tensor
    """log p of the target; differentiable."""
    entropy: torch.Tensor
    """Entropy of the student in nats; differentiable."""
    divergence: torch.Tensor
    """D; differentiable with respect to the student alone; 0 without a teacher."""
    teacher_log_probs: torch.Tensor
    """log q of the target; a constant; 0 without a teacher."""


def head(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    *,
    teachers: list[Teacher] = (),
    divergence: Divergence = Divergence(),
    temperature: float = 1.0,
    rows: int = 128,
) -> HeadOutput:
    """Scores targets with the student's head and compares its distributions with the teacher's.

    Args:
        hidden: final-norm hidden states of the student at the positions, (N, d).
        weight: its head, (V, d). bias: (V,) or None.
        targets: the token that each position scores, (N,), int64.
        teachers: none, one, or two whose logits are mixed.
        divergence: kind and support.
        temperature: logits of student and teacher are divided by it, as they were when sampling.
        rows: positions whose logits exist at the same time. The peak is about 5 * rows * V floats.
    """
    constants = _Constants(targets, tuple(teachers), divergence, temperature, rows)
    return HeadOutput(*_Head.apply(hidden, weight, bias, constants))


class _Constants(NamedTuple):
    targets: torch.Tensor
    teachers: tuple[Teacher, ...]
    divergence: Divergence
    temperature: float
    rows: int

    def chunk(self, part: slice) -> _Constants:
        cut = tuple(t._replace(hidden=t.hidden[part]) for t in self.teachers)
        return self._replace(targets=self.targets[part], teachers=cut)


class _Head(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, constants):
        ctx.save_for_backward(hidden, weight, bias)
        ctx.constants = constants
        out = hidden.new_zeros((4, hidden.size(0)), dtype=torch.float32)
        for part in _chunks(hidden.size(0), constants.rows):
            out[:, part] = torch.stack(_Rows(hidden[part], weight, bias, constants.chunk(part)).values())
        ctx.mark_non_differentiable(out[3])
        return tuple(out)

    @staticmethod
    def backward(ctx, d_logp, d_entropy, d_kl, _):
        hidden, weight, bias = ctx.saved_tensors
        need_h, need_w, need_b = ctx.needs_input_grad[:3]
        dh = torch.empty_like(hidden) if need_h else None
        dw = torch.zeros_like(weight, dtype=torch.float32) if need_w else None
        db = torch.zeros_like(bias, dtype=torch.float32) if need_b and bias is not None else None
        for part in _chunks(hidden.size(0), ctx.constants.rows):
            rows = _Rows(hidden[part], weight, bias, ctx.constants.chunk(part))
            g = rows.gradient(d_logp[part], d_entropy[part], d_kl[part])
            if need_h:
                dh[part] = (g.to(weight.dtype) @ weight).to(dh.dtype)
            if need_w:
                dw.addmm_(g.t(), hidden[part].float())
            if db is not None:
                db += g.sum(0)
        cast = lambda grad, like: None if grad is None else grad.to(like.dtype)  # noqa: E731
        return dh, cast(dw, weight), cast(db, bias), None


class _Rows:
    """The distributions of a chunk of positions."""

    def __init__(self, hidden, weight, bias, constants: _Constants):
        self.constants = constants
        z = logits(hidden, weight, bias).div_(constants.temperature)
        self.logp = z.sub_(z.logsumexp(-1, keepdim=True))
        self.logq = self._teacher()

    def _teacher(self) -> torch.Tensor | None:
        mixed = None
        for hidden, weight, bias, rate in self.constants.teachers:
            u = logits(hidden, weight, bias).mul_(rate / self.constants.temperature)
            mixed = u if mixed is None else mixed.add_(u)
        if mixed is None:
            return None
        return mixed.sub_(mixed.logsumexp(-1, keepdim=True)).clamp_(min=FLOOR)

    def values(self) -> tuple[torch.Tensor, ...]:
        targets = self.constants.targets.unsqueeze(-1)
        logp = self.logp.gather(-1, targets).squeeze(-1)
        entropy = -(self.logp.exp() * self.logp).sum(-1)
        if self.logq is None:
            return logp, entropy, torch.zeros_like(logp), torch.zeros_like(logp)
        kl, _ = self._divergence()
        return logp, entropy, kl, self.logq.gather(-1, targets).squeeze(-1)

    def gradient(self, d_logp, d_entropy, d_kl) -> torch.Tensor:
        """Of the three sums with respect to the logits, (n, V). Its rows sum to 0."""
        p = self.logp.exp()
        entropy = -(p * self.logp).sum(-1, keepdim=True)
        factor = (self.logp + entropy).mul_(-d_entropy.unsqueeze(-1)).sub_(d_logp.unsqueeze(-1))
        if self.logq is not None:
            factor.add_(self._divergence()[1].mul_(d_kl.unsqueeze(-1)))
        g = factor.mul_(p)
        g.scatter_add_(-1, self.constants.targets.unsqueeze(-1), d_logp.float().unsqueeze(-1))
        return g.div_(self.constants.temperature)

    def _divergence(self) -> tuple[torch.Tensor, torch.Tensor]:
        """D, (n,), and the factor f in dD/dz_v = p_v f_v, (n, V)."""
        how = self.constants.divergence
        if how.top_k is None or how.top_k >= self.logp.size(-1):
            return _value_and_slope(how, self.logp, self.logq)
        top = self.logp.topk(how.top_k, dim=-1).indices
        logp, logq = (_with_rest(x, top) for x in (self.logp, self.logq))
        kl, slope = _value_and_slope(how, logp, logq)
        # Outside the support only the mass of the bucket moves: every token has its factor.
        factor = slope[:, -1:].expand_as(self.logp).clone()
        return kl, factor.scatter_(-1, top, slope[:, :-1])


def logits(hidden, weight, bias) -> torch.Tensor:
    """hidden weight^T + bias in float32, (n, V). Half-precision logits above 16 are 0.125 apart."""
    if hidden.dtype == torch.float32 or not hidden.is_cuda:
        z = (hidden.to(weight.dtype) @ weight.t()).float()
    else:
        z = torch.mm(hidden, weight.t(), out_dtype=torch.float32)
    return z if bias is None else z + bias.float()


def _value_and_slope(how: Divergence, logp, logq) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums whose terms are not negative: the plain sum of p log(p/q) cancels small values away."""
    delta = logp - logq
    p = logp.exp()
    if how.kind == "reverse_kl":
        kl = (p * _term(delta)).sum(-1)
        return kl, delta - kl.unsqueeze(-1)
    if how.kind == "forward_kl":
        kl = (logq.exp() * _term(-delta)).sum(-1)
        return kl, -torch.expm1(-delta)
    # log(p / m) for the mixture m.
    over = -torch.log1p(how.alpha * torch.expm1(-delta))
    student = (p * _term(over)).sum(-1)
    teacher = (logq.exp() * _term(over - delta)).sum(-1)
    value = (1.0 - how.alpha) * student + how.alpha * teacher
    return value, (1.0 - how.alpha) * (over - student.unsqueeze(-1))


def _term(delta):
    """delta + exp(-delta) - 1."""
    return delta + torch.expm1(-delta)


def _with_rest(logp, top):
    """Log-probabilities of a support and of everything else, (n, k + 1).

    The mass of the rest is summed from its own terms: 1 - sum of the support loses it when small.
    """
    rest = logp.scatter(-1, top, -torch.inf).logsumexp(-1, keepdim=True)
    return torch.cat([logp.gather(-1, top), rest.clamp(min=FLOOR)], dim=-1)


def _chunks(count: int, rows: int):
    return (slice(start, min(start + rows, count)) for start in range(0, count, rows))
