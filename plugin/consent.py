"""What an author may agree to, in which words they were asked, and what their answer covers.

A receipt names the version of the words that its author read. A later version may ask for more: a receipt never
grows with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

Purpose = Literal["forward", "details", "quote", "contact", "themes", "show_tag", "join_group"]
CreditKind = Literal["name", "chosen", "role", "none"]


@dataclass(frozen=True, slots=True)
class Wording:
    """One version of how a purpose is asked: its words, with `{community}`, and the acts that a yes allows."""

    version: str
    words: str
    covers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Receipt:
    """An author's answer for one comment and one purpose; the newest of a purpose holds."""

    purpose: Purpose
    given: bool
    wording: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Credit:
    """How an author wants to be credited; `name` is what they chose to be called, for the kind `chosen` alone."""

    kind: CreditKind
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose before their words were anywhere: their roles, what they agree to, and the credit."""

    types: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    credit: Credit = Credit("role")


def newest_wording(purpose: Purpose) -> Wording:
    """Return how a purpose is asked today."""
    return WORDINGS[purpose][-1]


def answers(receipts: Iterable[Receipt]) -> Mapping[Purpose, Receipt]:
    """Return the answer that holds for each purpose that was answered; the receipts come oldest first."""
    return {receipt.purpose: receipt for receipt in receipts}


def allows(receipts: Sequence[Receipt], act: str) -> bool:
    """Return whether a live receipt, in the words its author read, covers an act."""
    return any(receipt.given and act in _wording(receipt).covers for receipt in answers(receipts).values())


def choice_to_record(choice: Choice) -> dict[str, Any]:
    """Return a choice as a dict that JSON can hold; `choice_from_record` gives back an equal one."""
    return {
        "types": list(choice.types),
        "purposes": list(choice.purposes),
        "credit": [choice.credit.kind, choice.credit.name],
    }


def choice_from_record(record: Mapping[str, Any]) -> Choice:
    """Return the choice that `choice_to_record` wrote down."""
    kind, name = record["credit"]
    return Choice(tuple(record["types"]), cast(tuple[Purpose, ...], tuple(record["purposes"])), Credit(kind, name))


def _wording(receipt: Receipt) -> Wording:
    return next(
        (wording for wording in WORDINGS[receipt.purpose] if wording.version == receipt.wording),
        # A version that this release does not know allows nothing.
        Wording(receipt.wording, "", frozenset()),
    )


def to_translate(words: str) -> str:
    """Return the words as they are; marks them for the message catalogues."""
    return words


# The newest last. Never change one that somebody may have read: add another.
WORDINGS: Mapping[Purpose, tuple[Wording, ...]] = {
    "forward": (
        Wording(
            "forward-1",
            to_translate("The editors of {community} may read what I wrote here, to learn from it."),
            frozenset({"forward"}),
        ),
    ),
    # Asked only where something was found in the words that could show who somebody is.
    "details": (
        Wording(
            "details-1",
            to_translate("The editors of {community} may read it just as I wrote it, with the marked parts."),
            frozenset({"details"}),
        ),
    ),
    "quote": (
        Wording(
            "quote-1",
            to_translate("The editors of {community} may quote from it, with the credit that I choose."),
            frozenset({"quote"}),
        ),
    ),
    "contact": (
        Wording(
            "contact-1", to_translate("The editors of {community} may write to me about it."), frozenset({"contact"})
        ),
    ),
    "themes": (
        Wording(
            "themes-1",
            to_translate("I may be asked whether a theme that {community} found in it says what I meant."),
            frozenset({"themes"}),
        ),
    ),
    "show_tag": (
        Wording(
            "show-tag-1",
            to_translate("My role may stand beside this comment, where everybody can see it."),
            frozenset({"show_tag"}),
        ),
    ),
    # Asked only where the forum has groups for roles.
    "join_group": (
        Wording(
            "join-group-1",
            to_translate("The forum may put me into its group for my role. Everybody there can see who is in a group."),
            frozenset({"join_group"}),
        ),
    ),
}

# The first stands by itself; the others are asked once something was posted (RULINGS, "Consent").
FIRST: Purpose = "forward"
LATER: tuple[Purpose, ...] = ("quote", "contact", "themes")
CREDITS: tuple[CreditKind, ...] = ("name", "chosen", "role", "none")
