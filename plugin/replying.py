"""Answer contributors: what stands for what in a saved reply, and how somebody hears that an answer is there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from plugin.consent import Receipt, allows
from plugin.outcomes import NotSaid

LONGEST_TITLE = 100
LONGEST_BODY = 5_000

# When a letter a day comes, by the clock of the community; one a week comes on Mondays (plugin/chores.py).
HOUR_OF_LETTERS = 8
MONDAY = 0

# Anything between braces: what somebody took for a variable is named, not sent.
PLACE = re.compile(r"\{([^{}\n]{0,60})\}")
Frequency = Literal["each", "daily", "weekly", "never"]

# Their page alone; a mail too, which says that an answer is there; or a link in their inbox on the forum.
Way = Literal["page", "mail", "forum"]


@dataclass(frozen=True, slots=True)
class Hearing:
    """How the author of an insight will hear of an answer, and that in a sentence for the editor."""

    way: Way
    sentence: str


def check_saved(title: str, body: str) -> None:
    """Raise NotSaid where a saved reply lacks something, is too long, or has a variable that nobody knows."""
    if not title:
        raise NotSaid("title", "Please give it a name, so that others find it.")
    if len(title) > LONGEST_TITLE:
        raise NotSaid("title", f"That is longer than {LONGEST_TITLE} characters.")
    if not body.strip():
        raise NotSaid("body", "There is nothing in it yet.")
    if len(body) > LONGEST_BODY:
        raise NotSaid("body", f"That is longer than {LONGEST_BODY:,} characters.")
    unknown = [name for name in places_in(body) if name not in VARIABLES]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in VARIABLES)
        raise NotSaid("body", f"Nothing is known as {{{unknown[0]}}}. What can be filled in is: {known}.")


def places_in(body: str) -> list[str]:
    """Return the names between braces, each once, in the order in which they stand."""
    return list(dict.fromkeys(PLACE.findall(body)))


def filled(body: str, values: Mapping[str, str | None]) -> str:
    """Return a saved reply with what is known put in its places; a place without a value stays to be filled in."""
    return PLACE.sub(lambda place: values.get(place[1]) or place[0], body)


def check_reply(text: str) -> None:
    """Raise NotSaid where an answer is empty, or a place in it was not filled in."""
    if not text.strip():
        raise NotSaid("reply", "There is nothing in it yet.")
    if len(text) > LONGEST_BODY:
        raise NotSaid("reply", f"That is longer than {LONGEST_BODY:,} characters.")
    open_ = [name for name in places_in(text) if name in VARIABLES]
    if open_:
        raise NotSaid("reply", f"Please write something in place of {{{open_[0]}}}: {VARIABLES[open_[0]]}.")


def hearing_of(receipts: Sequence[Receipt], *, has_mail: bool, wants_mail: bool, has_inbox: bool) -> Hearing:
    """Return how the author of an insight hears of an answer; nothing is sent without their live consent (RULINGS).

    Args:
        receipts: what they answered about this comment, oldest first.
        has_mail: whether they confirmed an address.
        wants_mail: whether they have not ended the mails to it.
        has_inbox: whether their forum takes a private link for them.
    """
    if not allows(receipts, "contact"):
        return Hearing("page", "It will stand on their own page. They have not agreed that we write to them.")
    if has_mail and wants_mail:
        return Hearing("mail", "It will stand on their own page, and a mail tells them that an answer is there.")
    if has_mail:
        return Hearing("page", "It will stand on their own page. They have ended the mails to their address.")
    if has_inbox:
        return Hearing("forum", "It will stand on their own page, and their inbox on the forum gets a link to it.")
    return Hearing("page", "It will stand on their own page. They have no confirmed address.")


def due_at(frequency: Frequency, local: datetime) -> datetime | None:
    """Return when somebody who wants a mail a day or a week is told, by their community's clock; None is at once."""
    if frequency not in ("daily", "weekly"):
        return None
    due = local.replace(hour=HOUR_OF_LETTERS, minute=0, second=0, microsecond=0)
    if due <= local:
        due += timedelta(days=1)
    if frequency == "weekly":
        due += timedelta(days=(MONDAY - due.weekday()) % 7)
    return due


# What may stand between braces in a saved reply, and what it stands for.
VARIABLES: Mapping[str, str] = {
    "discussion": "the title of the discussion that they wrote in",
    "title": "the title of what it was used in",
    "link": "the address of what it was used in",
    "community": "the name of the community",
}
