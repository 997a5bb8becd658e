"""Visual-SDPO on TRL: `VisualSDPOTrainer` and `VisualSDPOConfig`.

The trainer is TRL's GRPO trainer for vision-language models, with rendering, the teacher's pass and
the statement-weighted divergence (equations 3 to 7 of the paper) added by its hooks. Everything
that TRL's trainer can do stays as it is: PEFT and full fine-tuning, accelerate, vLLM colocated and
as a server, resume, logging. docs/engines.md has what was run and what was not.
"""

from .._versions import require

# The hooks that the trainer uses (`_generate`, `_generate_and_score_completions`, `_compute_loss`,
# `_get_per_token_logps_and_entropies`) are not public; these versions have been tested.
require(__name__, "trl", "1.16", "1.17")

from .config import VisualSDPOConfig  # noqa: E402
from .trainer import VisualSDPOTrainer  # noqa: E402

__all__ = ["VisualSDPOConfig", "VisualSDPOTrainer"]
