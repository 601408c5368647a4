"""Keep the present filter of the desk under a name; who opens it sees the same address."""

from datetime import UTC, datetime

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.store.audit import record
from plugin.store.opening import writing
from plugin.store.saved_views import LONGEST_NAME, remove_view, save_view
from plugin.wording import one_line
from webhooks.editors import Report, desk, filters_here, list_page
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

OWN = "own"


@desk.post("/views")
@staff_only("editor")
def keep_view() -> ResponseReturnValue:
    """Keep the filter in this address under a name, for oneself or for the editors of a community."""
    name, whose = one_line(request.form.get("name", "")), request.form.get("for", OWN)
    shared = {community.slug: community.id for community in communities_for("editor")}
    if whose != OWN and whose not in shared:
        abort(400)
    if not name or len(name) > LONGEST_NAME:
        sentence = f"Please give the view a name of up to {LONGEST_NAME} characters."
        return list_page(Report(error=sentence, where="name", typed=request.form.to_dict())), 422
    filters, community_id, now = filters_here(), shared.get(whose), datetime.now(UTC)
    with writing(service().db) as conn:
        new = save_view(conn, current_user.id, name, filters.query, community_id=community_id, at=now)
        record(
            conn,
            service().vault,
            by=f"staff:{current_user.id}",
            act="view_saved",
            subject=f"view:{new}",
            at=now,
            community_id=community_id,
            after={"name": name, "query": filters.query},
        )
    return redirect(url_for("editors.insights", **filters.page, _anchor="views"), 303)  # type: ignore[arg-type]


@desk.post("/views/<int:view_id>/remove")
@staff_only("editor")
def let_view_go(view_id: int) -> ResponseReturnValue:
    """Let a view go; only who made it may."""
    with writing(service().db) as conn:
        if not remove_view(conn, current_user.id, view_id):
            abort(404)
        by = f"staff:{current_user.id}"
        record(conn, service().vault, by=by, act="view_removed", subject=f"view:{view_id}", at=datetime.now(UTC))
    return redirect(url_for("editors.insights", **filters_here().page, _anchor="views"), 303)  # type: ignore[arg-type]
