"""The list of the editors' desk: what the comments share that others could learn from."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template, request

from plugin.basis import Withheld, basis_on_desk
from plugin.channels.email import Post
from plugin.forwarding import ForwardedCopy
from plugin.letters import copy_of
from plugin.outcomes import MEANINGS
from plugin.store.insights import StoredInsight, on_desk
from plugin.store.listing import Wanted, listed
from plugin.store.opening import reading
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

ON_A_PAGE = 30
LONGEST_TELLING = 300

desk = Blueprint("editors", __name__, url_prefix="/desk")


@dataclass(frozen=True, slots=True)
class Item:
    """One insight in the list: what was forwarded, what became of it, and its most telling words.

    `telling` is None where its author or the forum took the words back.
    """

    id: int
    copy: ForwardedCopy
    found_at: datetime
    status: str
    state: str
    telling: str | None


@desk.get("/")
@staff_only("editor")
def insights() -> str:
    """List the insights, the newest first. What is urgent is the moderators' and does not stand here."""
    before = request.args.get("before", type=int)
    mine = [community.id for community in communities_for("editor")]
    with reading(service().db) as conn:
        found = on_desk(
            conn, service().vault, listed(conn, service().vault, mine, Wanted(), limit=ON_A_PAGE, before=before)
        )
    return render_template(
        "desk/insights.html",
        items=[_item(one) for one in found],
        older=found[-1].insight_id if len(found) == ON_A_PAGE else None,
        is_first_page=before is None,
        mails_are_written_to=mail_folder(service().post),
    )


def status_words(found: StoredInsight) -> str:
    """Return what became of the mail, in words."""
    words = mail_words(found.status)
    return f"{words}: {found.reason}" if found.reason else words


def mail_words(status: str | None) -> str:
    """Return how far a mail got, in words; None is a comment that has none."""
    if status == "sent" and mail_folder(service().post):
        return "Its mail was written as a file"
    return STATUSES.get(status, "Not forwarded")


def mail_folder(post: Post) -> str | None:
    """Return the folder that mails are written to, or None where they are sent."""
    return f"{post.folder.parent.name}/{post.folder.name}/" if post.host is None else None


def withheld(found: StoredInsight) -> str | None:
    """Return why the words may not be read now, or None where they may."""
    basis = basis_on_desk(found.sending)
    return basis.reason if isinstance(basis, Withheld) else None


def _item(found: StoredInsight) -> Item:
    copy = copy_of(found, service().public_url)
    evidence = " … ".join(words for words, is_evidence in copy.segments if is_evidence)
    telling = evidence or "".join(words for words, _ in copy.segments)
    if len(telling) > LONGEST_TELLING:
        telling = telling[:LONGEST_TELLING].rstrip() + "…"
    shown = None if withheld(found) else telling
    return Item(found.insight_id, copy, found.found_at, status_words(found), MEANINGS[found.state].label, shown)


STATUSES: dict[str | None, str] = {
    "waiting": "Its mail waits to be sent",
    "sending": "Its mail is being sent",
    "sent": "Its mail was sent",
    "withheld": "Its mail was not sent",
    "failed": "Its mail could not be sent",
    "recalled": "Its mail was called back",
}
