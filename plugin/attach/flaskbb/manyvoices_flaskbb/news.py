"""Decide what is news: the difference between what the forum shows now and what Many Voices was last told."""

from dataclasses import dataclass

PUBLIC, MEMBERS, PRIVATE = "public", "members", "private"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a comment, topic or member stands: who it is, a digest of what is said of it, whether it is to be seen."""

    known_as: str
    digest: str
    is_shown: bool


def news(told: Standing | None, now: Standing | None) -> tuple[str, ...]:
    """Return what happened between the two, in order: created, updated, hidden, approved, deleted.

    What was never told and is not to be seen is no news. A row whose number was given to another one is two pieces of
    news: the old one is gone, the new one is there.
    """
    if told is not None and (now is None or now.known_as != told.known_as):
        return ("deleted", *news(None, now))
    if now is None:
        return ()
    if told is None:
        return ("created",) if now.is_shown else ()
    if now.is_shown and not told.is_shown:
        # An approval carries the whole comment, so new words need no word of their own.
        return ("approved",)
    changed = ("updated",) if now.digest != told.digest else ()
    return ("hidden", *changed) if told.is_shown and not now.is_shown else changed


def audience_of(group_roles: set[str]) -> str:
    """Return who may read a forum that these kinds of groups may enter."""
    if "guest" in group_roles:
        return PUBLIC
    return MEMBERS if "member" in group_roles else PRIVATE
