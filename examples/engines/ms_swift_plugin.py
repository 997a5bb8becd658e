"""For ms-swift: `--external_plugins examples/engines/ms_swift_plugin.py --reward_funcs visual_sdpo`."""

from visual_sdpo.rewards import register_swift

register_swift()
