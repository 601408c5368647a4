"""The list of the editors' desk: what the comments share that others could learn from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.basis import Withheld, basis_on_desk
from plugin.channels.email import Post
from plugin.excerpts import shortened
from plugin.letters import copy_of
from plugin.outcomes import MEANINGS, State
from plugin.store.desk import Item, count_merged, items_of
from plugin.store.insights import StoredInsight, on_desk
from plugin.store.listing import OPEN, Wanted, count_listed, listed
from plugin.store.opening import reading
from plugin.store.saved_views import SavedView, views_for
from webhooks import desk_filters
from webhooks.desk_filters import Choices, Filters, choices_for, filters_from
from webhooks.queues import age_of
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

LONGEST_TELLING = 300
MOST_URGENT = 10
# Beyond this nobody needs the exact number.
MOST_COUNTED = 300
# Steps that need nothing said with them, and can so be taken with many at once.
PLAIN_STEPS: tuple[State, ...] = ("in_review", "waiting", "closed", "reopened")

desk = Blueprint("editors", __name__, url_prefix="/desk")


@dataclass(frozen=True, slots=True)
class Line:
    """One insight in the list: who speaks, the most telling words with the evidence marked, and where it stands.

    `telling` and `speakers` are empty where the words may not be read now: `withheld` says why. `merged` counts those
    that are merged into it.
    """

    item: Item
    community: str
    title: str
    kind_words: str
    speakers: tuple[str, ...]
    telling: tuple[tuple[str, bool], ...]
    withheld: str | None
    found_at: datetime
    age: str
    state: str
    mail: str
    assignee: str | None
    merged: int


@dataclass(frozen=True, slots=True)
class Left:
    """One of many that did not go: why, and the version it has by now; None where it is not theirs to act on."""

    id: int
    title: str
    why: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What the page says about what was just done: how many went, which did not, or the sentence of a mistake.

    `where` is the field of the mistake; `typed` is what stood in the form, to be kept; `ticked` what was chosen.
    """

    done: int = 0
    left: Sequence[Left] = ()
    error: str | None = None
    where: str | None = None
    typed: Mapping[str, str] = field(default_factory=dict)
    ticked: Collection[int] = ()


@desk.get("/")
@staff_only("editor")
def insights() -> ResponseReturnValue:
    """List what lies on the desk: what is urgent on top, then the others that fit the filter, the newest first."""
    # A form sends what was left empty too; the address is for keeping and passing on.
    if any(not value for value in request.args.values()):
        tidy = {name: kept for name, values in request.args.lists() if (kept := [one for one in values if one])}
        return redirect(f"{url_for('editors.insights')}?{urlencode(tidy, doseq=True)}".rstrip("?"))
    return list_page(Report(done=max(request.args.get("done", 0, int), 0)))


def list_page(report: Report) -> str:
    """Return the list as the filter in the address has it, with what is to be said about what was just done."""
    communities = communities_for("editor")
    with reading(service().db) as conn:
        choices = choices_for(conn, communities, current_user.id)
        filters = filters_from(request.args, choices)
        found = _found(conn, filters)
        lines = _lines(conn, choices, [*found.urgent, *found.others])
        views = views_for(conn, current_user.id, [one.id for one in communities])
    shown = {line.item.id for line in lines}
    return render_template(
        "desk/insights.html",
        urgent=[line for line in lines if line.item.id in found.urgent],
        others=[line for line in lines if line.item.id not in found.urgent],
        count=found.count,
        most_counted=MOST_COUNTED,
        older=found.older,
        filters=filters,
        choices=choices,
        offered=desk_filters,
        built_in=BUILT_IN,
        views=views,
        view=_view_here(views, filters),
        report=report,
        elsewhere=[left for left in report.left if left.version is not None and left.id not in shown],
        # What is urgent is ticked one by one.
        ticked=found.others if request.args.get("tick") == "all" else report.ticked,
        all_ticked=request.args.get("tick") == "all",
        plain_steps=[(state, MEANINGS[state].label) for state in PLAIN_STEPS],
        mails_are_written_to=mail_folder(service().post),
    )


def filters_here() -> Filters:
    """Return the filter that stands in the address of this request."""
    with reading(service().db) as conn:
        return filters_from(request.args, choices_for(conn, communities_for("editor"), current_user.id))


@dataclass(frozen=True, slots=True)
class Found:
    """What a filter finds: the urgent ones on top, the others of this page, where the next begins, and how many."""

    urgent: list[int]
    others: list[int]
    older: int | None
    count: int


def _found(conn: sa.Connection, filters: Filters) -> Found:
    vault, here, wanted, before = service().vault, filters.community_ids, _besides(filters), filters.before
    urgent = []
    if before is None and not filters.wanted.urgent:
        # Whatever was asked for: nobody is to miss them because of a filter.
        mine = [community.id for community in communities_for("editor")]
        urgent = listed(conn, vault, mine, Wanted(states=OPEN, urgent=True), limit=MOST_URGENT)
    # On the first page, what is read to be counted holds the page too.
    most = MOST_COUNTED if before is None else filters.on_a_page + 1
    found = listed(conn, vault, here, wanted, limit=most, before=before)
    count = len(found) if before is None else count_listed(conn, vault, here, wanted, most=MOST_COUNTED)
    others = found[: filters.on_a_page]
    return Found(urgent, others, others[-1] if len(found) > len(others) else None, count)


def _besides(filters: Filters) -> Wanted:
    wanted = filters.wanted
    on_top = not (wanted.urgent or wanted.is_history or wanted.snoozed)
    return replace(wanted, besides_urgent=True) if on_top else wanted


def _lines(conn: sa.Connection, choices: Choices, insight_ids: Sequence[int]) -> list[Line]:
    found = on_desk(conn, service().vault, insight_ids)
    items = items_of(conn, insight_ids)
    merged = count_merged(conn, insight_ids)
    names = {community.id: community.name for community in choices.communities}
    return [
        _line(one, item, choices, names.get(item.community_id, ""), merged.get(item.id, 0))
        for one in found
        if (item := items.get(one.insight_id))
    ]


def _line(found: StoredInsight, item: Item, choices: Choices, community: str, merged: int) -> Line:
    why_not = withheld(found)
    copy = copy_of(found, service().public_url)
    return Line(
        item=item,
        community=community,
        title=copy.discussion_title or "A page without a title",
        kind_words=copy.kind_words[0].upper() + copy.kind_words[1:],
        speakers=() if why_not else copy.speakers,
        telling=() if why_not else shortened(copy.segments, LONGEST_TELLING),
        withheld=why_not,
        found_at=found.found_at,
        age=age_of(choices.now - found.found_at),
        state=MEANINGS[item.state].label,
        mail=status_words(found),
        assignee=choices.editors.get(item.assignee_id, "an editor of another community") if item.assignee_id else None,
        merged=merged,
    )


def _view_here(views: Sequence[SavedView], filters: Filters) -> SavedView | None:
    return next((view for view in views if view.query == filters.query), None)


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


# Views that everybody has: what each is called, and its filter as it stands in the address.
BUILT_IN = (
    ("What is open", ""),
    ("Mine", "whose=mine"),
    ("Nobody’s", "whose=nobody"),
    ("Asleep", "state=any&snoozed=yes"),
    ("Everything", "state=any"),
    ("From before", "state=any&history=yes"),
)

STATUSES: dict[str | None, str] = {
    "waiting": "Its mail waits to be sent",
    "sending": "Its mail is being sent",
    "sent": "Its mail was sent",
    "withheld": "Its mail was not sent",
    "failed": "Its mail could not be sent",
    "recalled": "Its mail was called back",
}
