"""The words of the house: what a comment, an author, a tag and an insight are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

UNKNOWN = "unknown"

Flag = Literal["former", "student", "org_voice", "non_clinical"]
InsightKind = Literal["experience", "practice", "lesson", "concern", "suggestion", "none"]
TagSource = Literal["author", "moderator", "profile", "text", "earlier"]
TagStatus = Literal["suggested", "confirmed", "removed"]
# direct: sent to the editors without an account, and never to be seen on the forum.
CommentState = Literal["visible", "pending", "hidden", "deleted", "direct"]
AuthorKind = Literal["member", "guest", "anonymous", "staff", "bot", "system", "remote"]
Audience = Literal["public", "members", "private"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The author's own words that prove something: code points `start` to `end` of the text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A stakeholder type that an author disclosed, and what proves it.

    `type` is an id of the taxonomy; `confidence` runs from 0 to 1; `frame` names the rule that
    fired (docs/tagging.md explains each). A tag that was chosen or read from a profile, not found
    in the text, has no evidence and the frame of its source.
    """

    type: str
    confidence: float
    evidence: Evidence | None
    frame: str
    flags: tuple[Flag, ...] = ()
    source: TagSource = "text"
    status: TagStatus = "suggested"


@dataclass(frozen=True, slots=True)
class Insight:
    """How far a comment shares something that the editors could use, and why we think so.

    `score` runs from 0 to 1; `reasons` are the names of the features that counted.
    """

    is_insight: bool
    score: float
    kind: InsightKind
    evidence: tuple[Evidence, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Urgency:
    """Whether a person should look at once: harm in progress, safeguarding, self-harm."""

    is_urgent: bool
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Something in a text that could identify a person: its kind and where it stands."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a comment, as far as the forum shows it. Never an address, an IP or a birthday."""

    native_id: str | None
    kind: AuthorKind
    display_name: str | None = None
    profile_url: str | None = None
    groups: tuple[str, ...] = ()
    declared: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Discussion:
    """A page of the forum together with its comments."""

    native_id: str
    title: str
    url: str
    kind: str = "blog"
    published_at: datetime | None = None
    audience: Audience = "public"


@dataclass(frozen=True, slots=True)
class Comment:
    """What one author wrote in one discussion. Quoted words stand in lines that start with `>`.

    (community, `native_id`, `created_at`) is its identity: a forum may use an id again.
    """

    native_id: str
    created_at: datetime
    updated_at: datetime
    text: str
    url: str | None = None
    parent_id: str | None = None
    state: CommentState = "visible"
