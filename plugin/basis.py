"""Whether something may be sent, and on what basis. Asked at the moment of every sending, and only here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from plugin.consent import Receipt, allows, answers
from plugin.model import Audience, CommentState

Basis = Literal["consent", "notice", "duty"]


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why something is not sent, in words for the staff page. `is_final`: what went out before must be called back."""

    reason: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Sending:
    """What is about to be sent, and what holds of its comment at this moment.

    `is_asked`: nothing of this comment goes before its author agreed, whatever the community's setting. `is_held`: a
    program may have sent it. `receipts` are its author's answers, oldest first.
    """

    kind: Literal["forward", "urgent"]
    state: CommentState
    source: Literal["webhook", "reconcile", "backfill", "direct"]
    audience: Audience
    forwarding: Literal["notice", "ask"]
    is_insight: bool
    is_urgent: bool
    is_asked: bool = False
    is_held: bool = False
    receipts: Sequence[Receipt] = ()


def basis_for(sending: Sending) -> Basis | Withheld:
    """Return the basis on which this goes out now, or why it does not.

    `consent`: its author said yes, in words that cover it. `notice`: a public comment, to its own community's
    editors, credited by stakeholder type without a name, to which its author has not objected. `duty`: an urgent
    comment, to its own community's moderators.
    """
    if sending.source == "backfill":
        return Withheld("it was written before Many Voices was attached")
    if sending.state == "deleted":
        return Withheld("the comment is gone", is_final=True)
    if sending.kind == "urgent":
        return "duty" if sending.is_urgent else Withheld("the comment was edited and is no longer urgent")
    return _to_editors(sending)


def basis_on_desk(sending: Sending) -> Basis | Withheld:
    """Return on what basis the community's own editors may read this on their desk, where nothing is sent anywhere.

    What was written before we were attached stands there under that heading, and what is urgent stands on top.
    """
    if sending.state == "deleted":
        return Withheld("the comment is gone", is_final=True)
    return _to_editors(replace(sending, kind="forward", is_insight=True, is_urgent=False))


def _to_editors(sending: Sending) -> Basis | Withheld:
    hindrance = next((why for hinders, why in HINDRANCES if hinders(sending)), None)
    if hindrance:
        return hindrance
    return "consent" if allows(sending.receipts, "forward") else _on_notice(sending)


def _on_notice(sending: Sending) -> Basis | Withheld:
    if sending.forwarding != "notice" or sending.is_asked or sending.state == "direct":
        return Withheld("its author has not been asked yet")
    if sending.audience != "public":
        return Withheld("the discussion is not public")
    return "notice"


def _said_no(sending: Sending) -> bool:
    answer = answers(sending.receipts).get("forward")
    return answer is not None and not answer.given


# What keeps an insight from the editors whatever the community's setting; the first that holds is said.
HINDRANCES: tuple[tuple[Callable[[Sending], bool], Withheld], ...] = (
    (_said_no, Withheld("its author does not want it forwarded", is_final=True)),
    (lambda sending: sending.is_held, Withheld("a program may have sent it, and nobody has looked yet")),
    (
        lambda sending: sending.state not in ("visible", "direct"),
        Withheld("the comment is not visible on the forum"),
    ),
    (lambda sending: not sending.is_insight, Withheld("the comment was edited and no longer shares an insight")),
    (lambda sending: sending.is_urgent, Withheld("the comment is urgent and went to the moderators")),
)
