"""What every forum that we ask has in common: a hook is a hint, and what holds is what we read ourselves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from plugin.channels.webhook import Message
from plugin.events import Event


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened to this, says somebody whom we need not believe. `kind` and `native_id` hold no full stop."""

    kind: str
    native_id: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A page of what a forum shows: the events that it means, where to go on, and how much of all was read."""

    events: tuple[Event, ...]
    cursor: Mapping[str, Any] = field(default_factory=dict)
    read: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, whether it is well, and what to do where it is not."""

    what: str
    is_ok: bool
    advice: str = ""


class Forum(Protocol):
    """A forum that can be asked. Each of these raises NotTaken where it did not answer."""

    def read(self, hint: Hint) -> list[Event]:
        """Return what holds now of what a hint is about."""
        ...

    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """Yield what differs from what we hold, page by page."""
        ...

    def history(self, cursor: Mapping[str, Any], since: datetime | None) -> Iterator[Batch]:
        """Yield all that was ever written, page by page, as source `backfill`."""
        ...

    def examine(self) -> list[Finding]:
        """Look at the address, the key and its rights, and change nothing."""
        ...

    def send(self, message: Message) -> None:
        """Tell the forum something, by its own interface."""
        ...
