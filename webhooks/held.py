"""What a program may have sent to the editors: a person looks, and lets it through or erases it."""

from datetime import UTC, datetime

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin import contributors
from plugin.delivery import ask_address, put_up
from plugin.store.addresses import address_of
from plugin.store.audit import record
from plugin.store.comments import held_comments, let_through
from plugin.store.insights import insights_by
from plugin.store.opening import reading, writing
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

held = Blueprint("held", __name__, url_prefix="/moderators/held")


@held.get("/")
@staff_only("moderator")
def waiting() -> str:
    """List what waits for a person, the oldest first."""
    with reading(service().db) as conn:
        found = held_comments(conn, [community.id for community in communities_for("moderator")])
    return render_template("moderators/held.html", found=found, done=request.args.get("done", ""))


@held.post("/<int:comment_id>")
@staff_only("moderator")
def decide(comment_id: int) -> ResponseReturnValue:
    """Let something through as if it had never been held, or erase it with all that hangs on it."""
    theirs = {community.id: community for community in communities_for("moderator")}
    answer = request.form.get("answer")
    if answer not in ("through", "erase"):
        abort(400)
    now = datetime.now(UTC)
    with writing(service().db) as conn:
        for community in theirs.values():
            stored = next((one for one in held_comments(conn, [community.id]) if one.id == comment_id), None)
            if stored is None or stored.author_id is None:
                continue
            by, subject = f"staff:{current_user.id}", f"comment:{comment_id}"
            act = "held erased" if answer == "erase" else "held let through"
            record(conn, service().vault, by=by, act=act, subject=subject, at=now, community_id=community.id)
            if answer == "erase":
                contributors.erase(service(), conn, community, stored.author_id, now)
                break
            let_through(conn, comment_id)
            for insight_id in insights_by(conn, [comment_id]).values():
                put_up(service(), conn, community, insight_id)
            address = address_of(conn, service().vault, stored.author_id)
            if address is not None:
                ask_address(service(), conn, community.id, stored.author_id, address.address, address.frequency)
            break
        else:
            abort(404)
    return redirect(url_for("held.waiting", done=answer), 303)
