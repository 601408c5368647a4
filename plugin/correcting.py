"""What a moderator may do with a tag. The author's own choice wins: it can be hidden, and never replaced."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from plugin.deciding import Decided, Decision, standing_tags
from plugin.model import Tag
from plugin.stakeholders import all_types, label_of

Act = Literal["confirm", "change", "add", "remove", "hide", "show"]

LONGEST_REASON = 300
# Three voices of one person are kept (TAGGING.md); more would say less.
MOST_TAGS = 3


class NotDone(ValueError):  # noqa: N818 - named for the fact
    """A correction that may not be made. Its message tells the moderator why."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a moderator asks for: an act on a tag, for a change the other type, and why."""

    act: Act
    type: str
    other: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A comment's tags as they stand, and everything that was decided about them."""

    history: Sequence[Decision]
    standing: Sequence[Tag]

    def tag(self, type_: str) -> Tag:
        """Return the standing tag of a type, or say that there is none."""
        for tag in self.standing:
            if tag.type == type_:
                return tag
        raise NotDone(f"“{label_of(type_)}” does not stand on this comment any more.")

    def last_of(self, type_: str, source: str) -> Decided | None:
        """Return what somebody decided last about a type, or None."""
        said = [one.decided for one in self.history if one.type == type_ and one.source == source]
        return said[-1] if said else None

    @property
    def hidden(self) -> tuple[str, ...]:
        """Return the types that a moderator has hidden, in the order they were first decided."""
        types = dict.fromkeys(one.type for one in self.history)
        return tuple(type_ for type_ in types if self.last_of(type_, "moderator") == "hidden")


# Which decision about which type is to be written down.
Rulings = tuple[tuple[str, Decided], ...]


def case_of(history: Sequence[Decision], text: str | None, text_at: datetime | None) -> Case:
    """Return what there is to judge about a comment."""
    return Case(history, standing_tags(history, text, text_at))


def rulings_for(correction: Correction, case: Case) -> Rulings:
    """Return the decisions that a correction comes to; raise `NotDone` where it may not be made."""
    if correction.act not in ACTS:
        raise NotDone("Please choose what to do.")
    if len(correction.reason) > LONGEST_REASON:
        raise NotDone(f"Please give a reason of at most {LONGEST_REASON} characters.")
    if correction.act in NEEDS_REASON and not correction.reason:
        raise NotDone("Please say why. The author can read the reason.")
    return ACTS[correction.act](correction, case)


def _confirm(asked: Correction, case: Case) -> Rulings:
    tag = case.tag(asked.type)
    if tag.source == "author":
        raise NotDone("The author has chosen this. It needs no confirming.")
    if tag.source == "moderator":
        raise NotDone("A moderator has decided this already.")
    return ((asked.type, "confirmed"),)


def _change(asked: Correction, case: Case) -> Rulings:
    if asked.type == asked.other:
        raise NotDone("Please choose another type to change it to.")
    _not_the_authors(case.tag(asked.type))
    if asked.other in {tag.type for tag in case.standing}:
        raise NotDone(f"“{label_of(asked.other)}” stands already. Remove the wrong one instead.")
    _may_be_added(asked.other, case)
    return ((asked.type, "removed"), (asked.other, "confirmed"))


def _add(asked: Correction, case: Case) -> Rulings:
    if asked.type in {tag.type for tag in case.standing}:
        raise NotDone(f"“{label_of(asked.type)}” stands on this comment already.")
    if len(case.standing) >= MOST_TAGS:
        raise NotDone(f"A comment has at most {MOST_TAGS} tags. Remove one first.")
    _may_be_added(asked.type, case)
    return ((asked.type, "confirmed"),)


def _remove(asked: Correction, case: Case) -> Rulings:
    _not_the_authors(case.tag(asked.type))
    return ((asked.type, "removed"),)


def _hide(asked: Correction, case: Case) -> Rulings:
    if case.tag(asked.type).source != "author":
        raise NotDone("Only what the author chose can be hidden. You can remove this tag.")
    return ((asked.type, "hidden"),)


def _show(asked: Correction, case: Case) -> Rulings:
    if asked.type not in case.hidden:
        raise NotDone("This tag is not hidden any more.")
    return ((asked.type, "confirmed"),)


def _not_the_authors(tag: Tag) -> None:
    if tag.source == "author":
        raise NotDone("The author has chosen this. You can hide it, with a reason, and not replace it.")


def _may_be_added(type_: str, case: Case) -> None:
    if type_ not in all_types():
        raise NotDone("Please choose a type from the list.")
    if case.last_of(type_, "author") == "removed":
        raise NotDone(f"The author has said that “{label_of(type_)}” is not right. That is theirs to say.")
    if type_ in case.hidden:
        raise NotDone(f"“{label_of(type_)}” is hidden. Show it again instead.")


ACTS: dict[str, Callable[[Correction, Case], Rulings]] = {
    "confirm": _confirm,
    "change": _change,
    "add": _add,
    "remove": _remove,
    "hide": _hide,
    "show": _show,
}

NEEDS_REASON = {"change", "add", "remove", "hide"}
