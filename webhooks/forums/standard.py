"""How a platform that speaks our own form signs what it sends."""

from plugin.forums.standard import TYPES
from webhooks.signatures import PROFILES

PROFILE = PROFILES["standard"]

# The form is our own, so its names are ours and stand in the body under `type`.
EVENT_NAMES = {name: name for name in TYPES}
