"""Which tags stand, given everything that was decided about a comment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from plugin.model import Evidence, Flag, Tag, TagSource

# hidden: a moderator took out of sight what the author chose. It is not replaced, and can be shown again.
Decided = Literal["suggested", "confirmed", "removed", "hidden"]

# Who is believed first (RULINGS): the author, a moderator, the profile, the comment's own words.
PRECEDENCE: tuple[TagSource, ...] = ("author", "moderator", "profile", "text", "earlier")


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of a comment's history of tags. `text_at` says which version of the words it was read from."""

    type: str
    decided: Decided
    source: TagSource
    text_at: datetime | None
    start: int | None
    end: int | None
    confidence: float
    frame: str
    flags: tuple[Flag, ...]


def standing_tags(decisions: Sequence[Decision], text: str | None, text_at: datetime | None) -> tuple[Tag, ...]:
    """Return the tags that hold, the most believed source first, then in the order they were found.

    Args:
        decisions: the whole history, oldest first.
        text: the comment's words as they are now, to read the evidence from.
        text_at: the version of those words: what was read from an older version counts no more.
    """
    live = [decision for decision in decisions if decision.source != "text" or decision.text_at == text_at]
    by_type: dict[str, list[Decision]] = {}
    for decision in live:
        by_type.setdefault(decision.type, []).append(decision)
    found = [(type_, _deciding(history), history) for type_, history in by_type.items()]
    standing = [(last, history) for _, last, history in found if last.decided != "removed" and not _is_hidden(history)]
    standing.sort(key=lambda item: PRECEDENCE.index(item[0].source))
    return tuple(_tag(last, _evidence(history, text)) for last, history in standing)


def _deciding(history: Sequence[Decision]) -> Decision:
    best = min(PRECEDENCE.index(decision.source) for decision in history)
    return [decision for decision in history if PRECEDENCE.index(decision.source) == best][-1]


def _is_hidden(history: Iterable[Decision]) -> bool:
    # Until a moderator shows it again: choosing it once more must not be a way around.
    return [decision.decided for decision in history if decision.source == "moderator"][-1:] == ["hidden"]


def _evidence(history: Iterable[Decision], text: str | None) -> Evidence | None:
    for decision in history:
        if text is not None and decision.start is not None and decision.end is not None:
            return Evidence(decision.start, decision.end, text[decision.start : decision.end])
    return None


def _tag(decision: Decision, evidence: Evidence | None) -> Tag:
    return Tag(
        type=decision.type,
        confidence=decision.confidence,
        evidence=evidence,
        frame=decision.frame,
        flags=decision.flags,
        source=decision.source,
        status="confirmed" if decision.decided == "confirmed" else "suggested",
    )
