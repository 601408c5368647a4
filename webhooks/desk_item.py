"""One insight at the editors' desk: what was forwarded, what is done with it, and whether a copy is gone."""

from datetime import UTC, datetime
from typing import cast, get_args

import sqlalchemy as sa
from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.desk import Actor, take
from plugin.letters import copy_of
from plugin.outcomes import LONGEST_SAID, MEANINGS, NotAllowed, NotSaid, State, Step, steps_from
from plugin.store.audit import record
from plugin.store.desk import Stale, item_of
from plugin.store.insights import StoredInsight, on_desk
from plugin.store.opening import reading, writing
from plugin.store.outbox import confirm_recall, confirmed_at, waiting_mail
from plugin.store.steps import steps_of
from plugin.wording import one_line
from webhooks.editors import desk, status_words, withheld
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service


@desk.get("/insights/<int:insight_id>")
@staff_only("editor")
def insight(insight_id: int) -> str:
    """Show one insight as it was forwarded, and what was done with it."""
    with reading(service().db) as conn:
        return _page(conn, _mine(conn, insight_id))


@desk.post("/insights/<int:insight_id>/steps")
@staff_only("editor")
def step(insight_id: int) -> ResponseReturnValue:
    """Say what was done with an insight; its contributor is told of most of it."""
    said = {field: _said(field) for field in ("title", "link", "body", "reason")}
    state = request.form.get("state", "")
    if state not in get_args(State):
        abort(400)
    taken = Step(
        cast(State, state), datetime.now(UTC), **{field: said[field] for field in MEANINGS[cast(State, state)].needs}
    )
    with writing(service().db) as conn:
        found = _mine(conn, insight_id)
        actor = Actor(f"staff:{current_user.id}", taken.at, request.form.get("seen", type=int))
        try:
            take(service(), conn, found.insight_id, taken, actor)
        except NotSaid as missing:
            return _page(conn, found, error=str(missing), field=missing.field, state=taken.state, said=said), 422
        except NotAllowed as wrong:
            return _page(conn, found, error=str(wrong), said=said), 409
        except Stale:
            sentence = f"Somebody else was quicker: it is “{MEANINGS[found.state].label}” by now. Nothing was changed."
            return _page(conn, found, error=sentence, state=taken.state, said=said), 409
    return redirect(url_for("editors.insight", insight_id=insight_id, _anchor="became"), 303)


@desk.get("/recalls/<int:outbox_id>")
@staff_only("editor")
def recall(outbox_id: int) -> str:
    """Ask whether the copy that was called back is gone."""
    with reading(service().db) as conn:
        _recalled(conn, outbox_id)
        return render_template("desk/recall.html", outbox_id=outbox_id, confirmed_at=confirmed_at(conn, outbox_id))


@desk.post("/recalls/<int:outbox_id>")
@staff_only("editor")
def confirm(outbox_id: int) -> ResponseReturnValue:
    """Record that the copy is gone; its author sees it on their page."""
    with writing(service().db) as conn:
        community_id = _recalled(conn, outbox_id)
        by, now = f"staff:{current_user.id}", datetime.now(UTC)
        confirm_recall(conn, outbox_id, by=by, at=now)
        subject = f"mail:{outbox_id}"
        record(conn, service().vault, by=by, act="recall confirmed", subject=subject, at=now, community_id=community_id)
    return redirect(url_for("editors.recall", outbox_id=outbox_id), 303)


def _page(
    conn: sa.Connection,
    found: StoredInsight,
    *,
    error: str | None = None,
    field: str | None = None,
    state: State | None = None,
    said: dict[str, str | None] | None = None,
) -> str:
    return render_template(
        "desk/insight.html",
        found=found,
        copy=copy_of(found, service().public_url),
        status=status_words(found),
        withheld=withheld(found),
        meanings=MEANINGS,
        steps=steps_of(conn, [found.insight_id])[found.insight_id],
        ways=steps_from(found.state),
        version=_version(conn, found.insight_id),
        error=error,
        field=field,
        chosen=state,
        said=said or {},
        longest=LONGEST_SAID,
    )


def _mine(conn: sa.Connection, insight_id: int) -> StoredInsight:
    mine = {community.id for community in communities_for("editor")}
    item = item_of(conn, insight_id)
    found = on_desk(conn, service().vault, [insight_id])
    if item is None or item.on_desk_at is None or item.community_id not in mine or not found:
        abort(404)
    return found[0]


def _version(conn: sa.Connection, insight_id: int) -> int:
    item = item_of(conn, insight_id)
    return item.version if item else 0


def _recalled(conn: sa.Connection, outbox_id: int) -> int:
    mine = {community.id for community in communities_for("editor")}
    found = waiting_mail(conn, outbox_id)
    if found is None or found.kind != "recall" or found.community_id not in mine:
        abort(404)
    return found.community_id


def _said(field: str) -> str | None:
    return one_line(request.form.get(field, ""))[:LONGEST_SAID] or None
