"""What every forum that we ask has in common: a hook is a hint, and what holds is what we read ourselves."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypedDict

from plugin.channels.webhook import Message
from plugin.events import Event, Source
from plugin.model import CommentState
from plugin.store.held import Known

OUR_TAG = re.compile(r"has-[a-z0-9-]+-voice")
LINK_TITLE = "Your private page"
LINK_WORDS = (
    "You asked for the link to your own page, where you see what became of what you shared and can change "
    "or take back what you agreed to. It is for you alone: please do not pass it on."
)


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


class Memory(Protocol):
    """What we hold of this forum's comments."""

    def known(self, native_id: str) -> Known | None:
        """Return what we hold of the newest comment of this id."""
        ...

    def held_between(self, prefix: str, state: CommentState, first: datetime, last: datetime) -> list[str]:
        """Return the ids that begin with a prefix, of comments in this state that were written in this time."""
        ...

    def held_on(self, discussion: str, state: CommentState) -> list[str]:
        """Return the ids of comments in this state on a page of the forum."""
        ...


class MemberFacts(TypedDict):
    """What every event about a member carries."""

    key: str
    community: str
    occurred_at: datetime
    source: Source


def tags_wanted(tags: Any, labels: Sequence[str]) -> list[str] | None:
    """Return the tags of a page with one for each label and no other of ours; None where they stand there already.

    `tags` are strings or objects, as the forum gave them; those of others stay.
    """
    there = _tag_names(tags)
    others = [tag for tag in there if not OUR_TAG.fullmatch(tag)]
    wanted = list(dict.fromkeys([*others, *(f"has-{_slug(label)}-voice" for label in labels)]))
    return None if sorted(wanted) == sorted(there) else wanted


def _tag_names(tags: Any) -> list[str]:
    """Return the names of a page's tags, which come as strings or as objects."""
    found = [tag.get("name") if isinstance(tag, dict) else tag for tag in tags] if isinstance(tags, list) else []
    return [name for name in found if isinstance(name, str)]


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", label.casefold()).strip("-")
