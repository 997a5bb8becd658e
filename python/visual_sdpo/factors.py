"""Equation 6 inside trainers that bring their own mean over tokens and their own tensor of the teacher.

Nothing here knows a trainer: `visual_sdpo.verl` uses it, and so can a trainer that we do not know.
"""

from __future__ import annotations

import torch

# Log-probability of tokens beside which no teacher stood: their probability is 0 in float32.
NO_MASS = -1000.0


def token_factors(weights: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """w_t * T / sum_t w_t, so that a plain mean over the T tokens of a rollout is equation 6.

        (1 / T) sum_t factor_t D_t = sum_t w_t D_t / sum_t w_t

    Args:
        weights: statement weights, (B, T); all 0 for a rollout that has no teacher.
        mask: 1 for tokens of the student, 0 for padding, (B, T).

    Returns:
        (B, T) float32; 0 outside the mask and for a rollout whose weights are all 0, else with mean
        1 over the rollout's tokens.
    """
    kept = weights.float() * mask
    total = kept.sum(-1, keepdim=True)
    # Where the total is 0 all of `kept` is: the divisor only has to be a number.
    return kept * mask.sum(-1, keepdim=True) / torch.where(total > 0, total, torch.ones_like(total))


def beside_student(teacher: torch.Tensor, prompt: int, response: int, filler: torch.Tensor) -> torch.Tensor:
    """A teacher's rows beside the student's own sequence, which has another prompt.

    Row j of either belongs to the token at j + 1, so the last row of a prompt belongs to the first
    token of the response, and the last row of all to none.

    Args:
        teacher: rows over the teacher's prompt and the response, (P_t + response, K).
        prompt: tokens of the student's own prompt, at least 1.
        response: tokens of the response, the same for both.
        filler: (K,), for the rows of the student's prompt that score no response.

    Returns:
        (prompt + response, K).

    Raises:
        ValueError: if the teacher has no more rows than the response has tokens.
    """
    if len(teacher) <= response or prompt < 1:
        raise ValueError(
            f"{len(teacher)} rows of the teacher cannot score {response} tokens after a prompt of {prompt}; "
            "help: ask the teacher for its whole prompt and the response"
        )
    return torch.cat([filler.to(teacher.dtype).expand(prompt - 1, -1), teacher[len(teacher) - response - 1 :]])


def no_teacher(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (int32) and log-probabilities of a teacher that says nothing, each (rows, columns).

    The ids differ from each other and lie in every vocabulary; the divergence to them is 0.
    """
    ids = torch.arange(columns, dtype=torch.int32).expand(rows, -1)
    return ids, torch.full((rows, columns), NO_MASS)
