"""How each platform signs what it sends, one module per platform."""

from collections.abc import Callable
from dataclasses import dataclass

from plugin.events import Event
from plugin.forums import standard as standard_payloads
from webhooks.forums import standard
from webhooks.signatures import Profile


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the door needs to know of a platform: how it signs, and what its payloads mean.

    `event_from(payload, community=…, delivery_id=…)` returns an event or raises the platform's BadPayload.
    """

    profile: Profile
    event_from: Callable[..., Event]


RECEIVERS = {
    "standard": Receiver(standard.PROFILE, standard_payloads.event_from),
}
