"""Whether something may be sent, and on what basis. Asked at the moment of every sending, and only here."""

from dataclasses import dataclass
from typing import Literal

from plugin.model import Audience, CommentState

Basis = Literal["notice", "duty"]


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why something is not sent, in words for the staff page."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sending:
    """What is about to be sent, and what holds of its comment at this moment."""

    kind: Literal["forward", "urgent"]
    state: CommentState
    source: Literal["webhook", "reconcile", "backfill"]
    audience: Audience
    forwarding: Literal["notice", "ask"]
    is_insight: bool
    is_urgent: bool


def basis_for(sending: Sending) -> Basis | Withheld:
    """Return the basis on which this goes out now, or why it does not.

    `notice`: a public comment, to its own community's editors, credited by stakeholder type without a
    name. `duty`: an urgent comment, to its own community's moderators.
    """
    if sending.source == "backfill":
        return Withheld("it was written before Many Voices was attached")
    if sending.state == "deleted":
        return Withheld("the comment is gone")
    if sending.kind == "urgent":
        return "duty" if sending.is_urgent else Withheld("the comment was edited and is no longer urgent")
    return _to_editors(sending)


def _to_editors(sending: Sending) -> Basis | Withheld:
    if sending.state != "visible":
        return Withheld("the comment is not visible on the forum")
    if not sending.is_insight:
        return Withheld("the comment was edited and no longer shares an insight")
    if sending.is_urgent:
        return Withheld("the comment is urgent and went to the moderators")
    if sending.forwarding != "notice":
        return Withheld("its author has not been asked yet")
    if sending.audience != "public":
        return Withheld("the discussion is not public")
    return "notice"
