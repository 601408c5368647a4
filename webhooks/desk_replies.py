"""Replies that the editors of a community saved to use again."""

from datetime import UTC, datetime

import sqlalchemy as sa
from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.outcomes import NotSaid
from plugin.replying import LONGEST_BODY, LONGEST_TITLE, VARIABLES, check_saved
from plugin.store.audit import record
from plugin.store.opening import reading, writing
from plugin.store.replies import SavedReply, TitleTaken, drop_saved, keep_saved, saved_for, saved_reply
from plugin.wording import one_line, tidy_text
from webhooks.editors import desk
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service


@desk.get("/replies")
@staff_only("editor")
def replies() -> str:
    """List the saved replies of one's communities, with a form for a new one."""
    with reading(service().db) as conn:
        return _page(conn)


@desk.get("/replies/<int:reply_id>")
@staff_only("editor")
def saved(reply_id: int) -> str:
    """Show one saved reply, to change it or to let go of it."""
    with reading(service().db) as conn:
        one = _mine(conn, reply_id)
        return _page(conn, one, {"title": one.title, "body": one.body})


@desk.post("/replies")
@staff_only("editor")
def save() -> ResponseReturnValue:
    """Keep a new saved reply, or change one; one with a variable that nobody knows is refused (422)."""
    reply_id = request.form.get("id", type=int)
    title = one_line(request.form.get("title", ""))
    body = tidy_text(request.form.get("body", ""))
    community_id = request.form.get("community", type=int)
    try:
        with writing(service().db) as conn:
            known = _mine(conn, reply_id) if reply_id is not None else None
            community_id = known.community_id if known else community_id
            if community_id not in {one.id for one in communities_for("editor")}:
                abort(404)
            check_saved(title, body)
            by, at = f"staff:{current_user.id}", datetime.now(UTC)
            kept = keep_saved(conn, int(community_id or 0), title, body, by=by, at=at, reply_id=reply_id)
            record(
                conn,
                service().vault,
                by=by,
                act="saved a reply",
                subject=f"saved reply:{kept}",
                at=at,
                community_id=community_id,
                before={"title": known.title, "body": known.body} if known else None,
                after={"title": title, "body": body},
            )
    except NotSaid as missing:
        return _refused(reply_id, str(missing), missing.field), 422
    except TitleTaken:
        return _refused(reply_id, "Another saved reply has this name.", "title"), 422
    return redirect(url_for("editors.replies", done="saved"), 303)


@desk.post("/replies/<int:reply_id>/drop")
@staff_only("editor")
def drop(reply_id: int) -> ResponseReturnValue:
    """Let go of a saved reply."""
    with writing(service().db) as conn:
        one = _mine(conn, reply_id)
        drop_saved(conn, one.id)
        record(
            conn,
            service().vault,
            by=f"staff:{current_user.id}",
            act="dropped a saved reply",
            subject=f"saved reply:{one.id}",
            at=datetime.now(UTC),
            community_id=one.community_id,
            before={"title": one.title, "body": one.body},
        )
    return redirect(url_for("editors.replies", done="dropped"), 303)


def _refused(reply_id: int | None, error: str, field: str) -> str:
    with reading(service().db) as conn:
        one = _mine(conn, reply_id) if reply_id is not None else None
        return _page(conn, one, request.form, error=error, field=field)


def _page(
    conn: sa.Connection,
    one: SavedReply | None = None,
    said: dict[str, str] | None = None,
    *,
    error: str | None = None,
    field: str | None = None,
) -> str:
    mine = communities_for("editor")
    return render_template(
        "desk/replies.html",
        one=one,
        said=said or {},
        error=error,
        field=field,
        communities=mine,
        names={community.id: community.name for community in mine},
        saved=saved_for(conn, [community.id for community in mine]),
        variables=VARIABLES,
        longest_title=LONGEST_TITLE,
        longest_body=LONGEST_BODY,
        done=DONE.get(request.args.get("done", "")),
    )


def _mine(conn: sa.Connection, reply_id: int) -> SavedReply:
    one = saved_reply(conn, reply_id)
    if one is None or one.community_id not in {community.id for community in communities_for("editor")}:
        abort(404)
    return one


DONE = {"saved": "The reply is saved.", "dropped": "The reply is gone. What was sent with its words stays."}
