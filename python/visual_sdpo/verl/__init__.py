"""Visual-SDPO on verl: a distillation loss and an agent loop, by verl's own hooks.

    actor_rollout_ref.model.external_lib=visual_sdpo.verl
    +actor_rollout_ref.rollout.agent.agent_loop_manager_class=visual_sdpo.verl.worker.VisualSDPOManager
    distillation.distillation_loss.loss_mode=visual_sdpo_forward_kl_topk

Importing this module registers the loss; verl does that in every process that reads the model's
configuration. examples/engines/verl-qwen3vl-8b.sh is a whole launch line, and docs/engines.md says
what was run and what was not.
"""

from .._versions import require

# The hooks are not public. 0.9.1 has been tested; EasyR1 also installs a package named verl.
require(__name__, "verl", "0.9", "0.10")

from .loss import LOSS_MODE, visual_sdpo_forward_kl_topk  # noqa: E402

__all__ = ["LOSS_MODE", "visual_sdpo_forward_kl_topk"]
