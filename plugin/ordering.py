"""What holds of a comment, whatever order its news arrives in.

Each rule keeps the latest of something, so that the order in which we hear does not matter and
hearing twice changes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from plugin.events import CommentApproved, CommentHidden, CommentRemoved, WholeComment
from plugin.model import CommentState

# Where two things were said of the same moment, the more closed one holds.
_CLOSEDNESS: dict[str | None, int] = {None: 0, "visible": 1, "pending": 2, "hidden": 3, "direct": 4}


@dataclass(frozen=True, slots=True)
class Standing:
    """What we hold of one comment: its newest words, and when it was last shown, approved and deleted."""

    text: str | None = None
    text_at: datetime | None = None
    shown_state: CommentState | None = None
    shown_at: datetime | None = None
    approved_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def state(self) -> CommentState:
        """Return what holds now: a deletion stands unless the comment was approved later."""
        if self.deleted_at and not (self.approved_at and self.approved_at > self.deleted_at):
            return "deleted"
        return self.shown_state or "hidden"


def after(standing: Standing, event: WholeComment | CommentHidden | CommentRemoved) -> Standing:
    """Return what holds once this event is known too."""
    at = event.occurred_at
    if isinstance(event, CommentRemoved):
        return _without_lost_words(replace(standing, deleted_at=_later(standing.deleted_at, at)))
    if isinstance(event, CommentHidden):
        return _shown(standing, "hidden", at)
    if isinstance(event, CommentApproved):
        standing = replace(_shown(standing, "visible", at), approved_at=_later(standing.approved_at, at))
    elif event.comment.state == "deleted":
        standing = replace(standing, deleted_at=_later(standing.deleted_at, at))
    else:
        standing = _shown(standing, event.comment.state, at)
    return _without_lost_words(_worded(standing, event.comment.text, event.comment.updated_at))


def _shown(standing: Standing, state: CommentState, at: datetime) -> Standing:
    if standing.shown_at and (at, _CLOSEDNESS[state]) <= (standing.shown_at, _CLOSEDNESS[standing.shown_state]):
        return standing
    return replace(standing, shown_state=state, shown_at=at)


def _worded(standing: Standing, text: str, at: datetime) -> Standing:
    if standing.text is not None and standing.text_at and (at, text) <= (standing.text_at, standing.text):
        return standing
    return replace(standing, text=text, text_at=at)


def _without_lost_words(standing: Standing) -> Standing:
    # A comment that is gone takes its words along; only the tombstone stays.
    return replace(standing, text=None, text_at=None) if standing.state == "deleted" else standing


def _later(known: datetime | None, told: datetime) -> datetime:
    return max(known, told) if known else told
