"""What moderators read: who speaks in a discussion, who is missing, and the words that say so."""

from datetime import UTC, datetime

import sqlalchemy as sa
from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.letters import copy_of
from plugin.store.audit import record
from plugin.store.communities import Community
from plugin.store.digests import set_digest
from plugin.store.discussions import StoredDiscussion, discussion_by_id
from plugin.store.insights import insight_by_id
from plugin.store.opening import reading, writing
from plugin.store.summaries import discussed, keep_receipt, receipt_for
from webhooks.editors import status_words
from webhooks.moderators_home import discussions_json, home_page
from webhooks.staff import communities_for, staff_only
from webhooks.summary_page import GLEANINGS, summary_json, summary_page
from webhooks.wiring import service

moderators = Blueprint("moderators", __name__, url_prefix="/moderators")


@moderators.get("/")
@staff_only("moderator")
def discussions() -> str:
    """Show the moderators' home: discussions at a glance, what waits, and what people speak of."""
    return home_page()


@moderators.get("/discussions.json")
@staff_only("moderator", "either")
def discussions_as_json() -> Response:
    """Return the discussions with their balance for a program: docs/summaries.md has the fields."""
    return jsonify(discussions_json())


@moderators.post("/digest")
@staff_only("moderator")
def digest() -> ResponseReturnValue:
    """Ask for the letter a week, or end it."""
    now, who = datetime.now(UTC), f"staff:{current_user.id}"
    after = {"wanted": request.form.get("wanted") == "yes"}
    with writing(service().db) as conn:
        set_digest(conn, current_user.id, after["wanted"], now)
        record(conn, service().vault, by=who, act="weekly_letter_chosen", subject=who, at=now, after=after)
    return redirect(url_for("moderators.discussions", _anchor="digest"), 303)


@moderators.get("/discussions/<int:discussion_id>")
@staff_only("moderator")
def discussion(discussion_id: int) -> str:
    """Show who has spoken in a discussion and who has not, what each group says, and the comments, page by page."""
    with reading(service().db) as conn:
        place, community = _mine(conn, discussion_id)
        shown = summary_page(conn, place, community, request.args.get("page", 1, int))
    if shown is None:
        abort(404)
    return render_template("moderators/discussion.html", shown=shown)


@moderators.get("/discussions/<int:discussion_id>.json")
@staff_only("moderator", "either")
def discussion_as_json(discussion_id: int) -> Response:
    """Return the same summary for a program: docs/summaries.md has the fields."""
    with reading(service().db) as conn:
        place, community = _mine(conn, discussion_id)
        return jsonify(summary_json(conn, service().vault, place, community))


@moderators.post("/discussions/<int:discussion_id>/receipts")
@staff_only("moderator")
def keep(discussion_id: int) -> ResponseReturnValue:
    """Keep a receipt of the summary as it is now, so that it can be checked later."""
    with reading(service().db) as conn:
        place, community = _mine(conn, discussion_id)
        now = discussed(conn, place.id, community.expected_types, GLEANINGS)
    receipt = receipt_for(service().vault, place.id, community.expected_types, now)
    with writing(service().db) as conn:
        keep_receipt(conn, receipt, by=f"staff:{current_user.id}", at=datetime.now(UTC))
    return redirect(url_for("moderators.discussion", discussion_id=discussion_id, _anchor="made"), 303)


@moderators.get("/urgent/<int:outbox_id>")
@staff_only("moderator")
def urgent(outbox_id: int) -> str:
    """Show a comment that may be urgent, as the moderators were told of it."""
    mine = {community.id for community in communities_for("moderator")}
    with reading(service().db) as conn:
        found = insight_by_id(conn, service().vault, outbox_id)
    if found is None or found.kind != "urgent" or found.discussion.community_id not in mine:
        abort(404)
    return render_template(
        "moderators/urgent.html", found=found, copy=copy_of(found, service().public_url), status=status_words(found)
    )


def _mine(conn: sa.Connection, discussion_id: int) -> tuple[StoredDiscussion, Community]:
    """Return a discussion with its community, if the person at the screen looks after it; 404 otherwise."""
    mine = {community.id: community for community in communities_for("moderator")}
    place = discussion_by_id(conn, discussion_id)
    if place is None or place.community_id not in mine:
        abort(404)
    return place, mine[place.community_id]
