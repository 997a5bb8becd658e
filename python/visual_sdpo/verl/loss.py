"""Equation 6 as a distillation loss of verl."""

from __future__ import annotations

import torch
from verl.trainer.distillation.losses import (
    DistillationLossSettings,
    compute_forward_kl_topk,
    register_distillation_loss,
)
from verl.utils.metric import AggregationType, Metric

from ..factors import token_factors

LOSS_MODE = "visual_sdpo_forward_kl_topk"


@register_distillation_loss(DistillationLossSettings(names=[LOSS_MODE], use_topk=True))
def visual_sdpo_forward_kl_topk(config, distillation_config, model_output, data):
    """verl's forward KL on the teacher's top-k, times w_t * T / sum_t w_t.

    With `actor.loss_agg_mode=seq-mean-token-mean` verl's aggregate is

        (1 / N) sum_i sum_t w_it D_it / sum_t w_it,

    equation 6 averaged over the N rollouts of a mini-batch. Rollouts without a teacher contribute 0
    and are counted in N (the trainer on TRL divides by the distilled ones alone). With `token-mean`,
    verl's default, a rollout would count in proportion to its length.

    Args:
        data: a micro-batch; besides verl's own tensors it holds `statement_weights`, (B, T), nested
            or padded like `response_mask`.

    Returns:
        Losses, (B, T) float32, 0 where the mask is; verl's metrics and
        `distillation/signal_fraction`, the share of rollouts that had a teacher.

    Raises:
        ValueError: if the batch has no statement weights.
    """
    if "statement_weights" not in data:
        raise ValueError(
            f"loss_mode={LOSS_MODE} found no `statement_weights` in the batch; help: set +actor_rollout_ref.rollout."
            "agent.agent_loop_manager_class=visual_sdpo.verl.worker.VisualSDPOManager"
        )
    losses, metrics = compute_forward_kl_topk(config, distillation_config, model_output, data)
    mask, weights = (_padded(data[name]).to(losses.device) for name in ("response_mask", "statement_weights"))
    factors = token_factors(weights, mask)
    taught = (factors > 0).any(-1).float().mean()
    metrics["distillation/signal_fraction"] = Metric(AggregationType.MEAN, taught)
    return losses * factors, metrics


def _padded(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_padded_tensor(0) if tensor.is_nested else tensor
