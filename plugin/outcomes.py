"""What can become of an insight: the one table of states, which step may follow which, and what each is told as.

Editors work on all of them; a contributor is told of those with public words (RULINGS, "Public steps").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from urllib.parse import urlsplit

State = Literal[
    "new",
    "in_review",
    "waiting",
    "used",
    "passed_to",
    "change_planned",
    "change_made",
    "not_used",
    "closed",
    "reopened",
]

# Care Opinion's rule: who says that something changes must say what (FEATURES, E20).
LEAST_SAID = 20
LONGEST_SAID = 2_000


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done with an insight.

    `title` and `link` say where it was used, `body` to whom it was passed on, `reason` what changes or why not.
    """

    state: State
    at: datetime
    title: str | None = None
    link: str | None = None
    body: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a state is called at the desk, what must be said with it, and how the contributor is told, if at all.

    `is_news`: it is worth a message, not only a line on their page.
    """

    label: str
    needs: tuple[str, ...] = ()
    told: str | None = None
    is_news: bool = False


class NotAllowed(ValueError):  # noqa: N818 - named for the fact
    """A step that cannot be taken from here. The message is a sentence for whoever tried."""


class NotSaid(ValueError):  # noqa: N818 - named for the fact
    """Something that belongs to a step is missing. `field` names it, the message is a sentence."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def steps_from(state: State) -> tuple[State, ...]:
    """Return where an insight may go from here, in the order in which the desk offers it."""
    return tuple(one for one in get_args(State) if one in ALLOWED[state])


def check_step(state: State, step: Step) -> None:
    """Raise NotAllowed for a step that cannot be taken from `state`, NotSaid where it lacks what belongs to it."""
    if step.state not in ALLOWED[state]:
        raise NotAllowed(f"From “{MEANINGS[state].label}” this cannot become “{MEANINGS[step.state].label}”.")
    for field in MEANINGS[step.state].needs:
        CHECKS[field](getattr(step, field))


def _check_title(title: str | None) -> None:
    if not title:
        raise NotSaid("title", "Please say what it was used in, such as the title of a page.")


def _check_link(link: str | None) -> None:
    try:
        parts = urlsplit(link or "")
    except ValueError:  # such as half of an IPv6 address
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotSaid("link", "Please give the address of the page, beginning with https://.")


def _check_body(body: str | None) -> None:
    if not body:
        raise NotSaid("body", "Please say who it was passed on to.")


def _check_reason(reason: str | None) -> None:
    if len(reason or "") < LEAST_SAID:
        raise NotSaid("reason", f"Please say more: at least {LEAST_SAID} characters. The contributor reads this.")


CHECKS = {"title": _check_title, "link": _check_link, "body": _check_body, "reason": _check_reason}

MEANINGS: Mapping[State, Meaning] = {
    "new": Meaning("New", told="The editors have received it."),
    "in_review": Meaning("In review", told="An editor has read it."),
    "waiting": Meaning("Waiting"),
    "used": Meaning("Used", ("title", "link"), "It was used.", is_news=True),
    "passed_to": Meaning("Passed on", ("body",), "It was passed on.", is_news=True),
    "change_planned": Meaning("Change planned", ("reason",), "A change is planned.", is_news=True),
    "change_made": Meaning("Change made", ("reason",), "A change was made.", is_news=True),
    "not_used": Meaning("Not used", ("reason",), "It was not used.", is_news=True),
    "closed": Meaning("Closed"),
    "reopened": Meaning("Reopened"),
}

_OUTCOMES: frozenset[State] = frozenset({"used", "passed_to", "change_planned", "change_made", "not_used"})

ALLOWED: Mapping[State, frozenset[State]] = {
    "new": _OUTCOMES | {"in_review", "waiting"},
    "in_review": _OUTCOMES | {"waiting"},
    "waiting": _OUTCOMES | {"in_review", "reopened"},
    # An insight may be of use more than once, and lead to more than one thing.
    "used": _OUTCOMES - {"not_used"} | {"closed", "reopened"},
    "passed_to": _OUTCOMES | {"closed", "reopened"},
    "change_planned": _OUTCOMES | {"closed", "reopened"},
    "change_made": _OUTCOMES - {"not_used", "change_planned"} | {"closed", "reopened"},
    "not_used": frozenset({"closed", "reopened"}),
    "closed": frozenset({"reopened"}),
    "reopened": _OUTCOMES | {"in_review", "waiting"},
}
