"""What a forum can tell us: past facts, each with the key that makes a repeat of it known."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from plugin.model import Author, Comment, Discussion

Source = Literal["webhook", "reconcile", "backfill"]


class UnknownEvent(ValueError):  # noqa: N818 - named for the fact
    """A record names an event type that this version does not know."""


@dataclass(frozen=True, slots=True)
class CommentRef:
    """Which comment is meant, where a forum need not repeat the whole of it."""

    native_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What every event carries.

    `key` is the same each time the same fact is told; `occurred_at` (UTC) orders a comment's states; `source` is
    backfill for what happened before we were attached, which is never mailed and never answered.
    """

    key: str
    community: str
    occurred_at: datetime
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentPosted(Fact):
    """Somebody wrote a comment."""

    comment: Comment
    discussion: Discussion
    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentEdited(Fact):
    """A comment has new words. Of several edits, the one with the latest `comment.updated_at` holds."""

    comment: Comment
    discussion: Discussion
    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentApproved(Fact):
    """A comment is visible, again or for the first time, for whatever reason."""

    comment: Comment
    discussion: Discussion
    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentHidden(Fact):
    """A comment is out of sight for now."""

    comment: CommentRef


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRemoved(Fact):
    """A comment is gone for good."""

    comment: CommentRef


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionPosted(Fact):
    """A page was published."""

    discussion: Discussion


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionEdited(Fact):
    """A page has a new title, address or audience."""

    discussion: Discussion


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberJoined(Fact):
    """Somebody signed up."""

    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCompleted(Fact):
    """A member finished signing up: what they wrote before may show from now on."""

    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChanged(Fact):
    """A member's name, groups or declared fields changed."""

    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved(Fact):
    """A member left, and wants to be forgotten: the author holds an id and a kind only."""

    author: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMerged(Fact):
    """One person had two accounts: all that `author` wrote is `into`'s from now on."""

    author: Author
    into: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping(Fact):
    """The forum asks whether we hear it."""


WholeComment = CommentPosted | CommentEdited | CommentApproved
Event = (
    WholeComment
    | CommentHidden
    | CommentRemoved
    | DiscussionPosted
    | DiscussionEdited
    | MemberJoined
    | MemberCompleted
    | MemberChanged
    | MemberRemoved
    | MemberMerged
    | Ping
)


def event_type(event: Event) -> str:
    """Return the type string of an event, as in `comment.created`."""
    return next(name for name, kind in EVENTS.items() if type(event) is kind)


def is_private(event: Event) -> bool:
    """Return whether the event is about a private discussion, which goes no further than the door."""
    discussion = getattr(event, "discussion", None)
    return discussion is not None and discussion.audience == "private"


def to_record(event: Event) -> dict[str, Any]:
    """Return the event as a dict that JSON can hold; `from_record` gives back an equal event."""
    return {"type": event_type(event), **_plain(asdict(event))}


def from_record(record: dict[str, Any]) -> Event:
    """Return the event that `to_record` wrote down; raise UnknownEvent for a type we do not know."""
    kind = EVENTS.get(record["type"])
    if kind is None:
        raise UnknownEvent("an event type that this version does not know")
    return kind(**{field.name: READERS[field.name](record[field.name]) for field in fields(kind)})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _comment(record: dict[str, Any]) -> Comment | CommentRef:
    facts: dict[str, Any] = dict(record)
    for name in facts.keys() & {"created_at", "updated_at"}:
        facts[name] = datetime.fromisoformat(facts[name])
    return Comment(**facts) if "text" in facts else CommentRef(**facts)


def _discussion(record: dict[str, Any]) -> Discussion:
    published = record["published_at"]
    return Discussion(**record | {"published_at": datetime.fromisoformat(published) if published else None})


def _author(record: dict[str, Any]) -> Author:
    declared = tuple((name, value) for name, value in record["declared"])
    return Author(**record | {"groups": tuple(record["groups"]), "declared": declared})


READERS: dict[str, Callable[[Any], Any]] = {
    "key": str,
    "community": str,
    "occurred_at": datetime.fromisoformat,
    "source": str,
    "comment": _comment,
    "discussion": _discussion,
    "author": _author,
    "into": _author,
}

EVENTS: dict[str, type[Event]] = {
    "comment.created": CommentPosted,
    "comment.updated": CommentEdited,
    "comment.approved": CommentApproved,
    "comment.hidden": CommentHidden,
    "comment.deleted": CommentRemoved,
    "discussion.created": DiscussionPosted,
    "discussion.updated": DiscussionEdited,
    "member.created": MemberJoined,
    "member.completed": MemberCompleted,
    "member.updated": MemberChanged,
    "member.deleted": MemberRemoved,
    "member.merged": MemberMerged,
    "ping": Ping,
}
