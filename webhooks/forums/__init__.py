"""How each platform signs what it sends, one module per platform."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from werkzeug.datastructures import Headers

from plugin.events import Event
from plugin.forums import standard as standard_payloads
from plugin.forums.polled import Hint
from webhooks.forums import discourse, invision, standard
from webhooks.signatures import Profile


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the door needs to know of a platform: how it signs, and what its payloads mean.

    `event_from(payload, community=…, delivery_id=…)` returns an event or raises the platform's BadPayload.
    """

    profile: Profile
    event_from: Callable[..., Event]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came from a forum that we ask: whose it is, the settings of its connection, its headers, and when."""

    community: str
    base_url: str
    settings: Mapping[str, Any]
    headers: Headers = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Hinter:
    """What the door needs to know of a platform that we ask, and whose deliveries are hints at what to ask for.

    `profile` is how it signs, or None where it signs nothing and a secret address stands in for that. `meaning` says
    what a delivery asks us to read, and what it tells that needs no reading; it raises Unreadable.
    """

    profile: Profile | None
    meaning: Callable[[Delivery, Mapping[str, Any]], Sequence[Hint | Event]]


RECEIVERS = {
    "standard": Receiver(standard.PROFILE, standard_payloads.event_from),
}
HINTERS = {
    "discourse": Hinter(discourse.PROFILE, discourse.meaning),
    "invision": Hinter(None, invision.meaning),
}
