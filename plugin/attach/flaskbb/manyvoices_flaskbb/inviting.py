"""Put the invitation under a topic for guests, the notes above it for moderators, and bring people back to it."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_allows2 import Permission
from flask_login import current_user
from flaskbb.extensions import db
from flaskbb.forum.models import Topic
from flaskbb.utils.helpers import render_template
from flaskbb.utils.requirements import can_moderate

from manyvoices_flaskbb.moments import identity
from manyvoices_flaskbb.settings import Settings, settings
from manyvoices_flaskbb.tables import notes
from manyvoices_flaskbb.telling import topic_address

TOPIC = "forum.view_topic"
# Where FlaskBB's own topic page begins its posts and ends them. No hook of its own stands there for guests.
ABOVE = '<div class="card topic" id="topic-posts">'
BELOW = '<div class="modal fade" id="report-dialog"'
# A theme of somebody's own may have neither.
AT_LAST = "<footer"
ENTRANCES = ("auth.register", "auth.login")


def lead_back() -> ResponseReturnValue | None:
    """Turn the `return_to` of an invitation into the `next` that FlaskBB goes by; never to another site."""
    found = settings()
    back = request.args.get("return_to", "")
    if found is None or request.endpoint not in ENTRANCES or not back or "next" in request.args:
        return None
    there, home = urlsplit(back), urlsplit(found.forum_url)
    if (there.scheme, there.netloc) != (home.scheme, home.netloc) or not there.path.startswith("/"):
        return None
    path = "/" + there.path.lstrip("/\\")
    here = url_for(str(request.endpoint), next=path + (f"?{there.query}" if there.query else ""))
    return redirect(here, 303)


def add_to_topic(response: Response) -> Response:
    """Add to a topic's page what belongs there; a page that we cannot read stays as it is."""
    found = settings()
    if found is None or request.endpoint != TOPIC or request.method != "GET" or response.status_code != 200:
        return response
    topic = db.session.get(Topic, (request.view_args or {}).get("topic_id"))
    if response.mimetype != "text/html" or response.is_streamed or topic is None:
        return response
    page = response.get_data(as_text=True)
    for piece, mark in ((_notes(topic), ABOVE), (_invitation(found, topic), BELOW)):
        page = _inserted(page, piece, mark)
    response.set_data(page)
    return response


def _invitation(found: Settings, topic: Topic) -> str:
    if current_user.is_authenticated or not found.invites or topic.hidden or topic.locked:
        return ""
    address = found.panel_at(topic_address(found, topic.id, topic.title))
    return render_template("manyvoices/invitation.html", address=address)


def _notes(topic: Topic) -> str:
    if not current_user.is_authenticated or not Permission(can_moderate(topic.forum)):
        return ""
    of_this = (notes.c.topic_id == topic.id, notes.c.known_as == identity(topic.id, topic.date_created))
    rows = db.session.execute(sa.select(notes).where(*of_this, notes.c.text != "").order_by(notes.c.key)).all()
    return render_template("manyvoices/notes.html", notes=rows) if rows else ""


def _inserted(page: str, piece: str, mark: str) -> str:
    place = page.find(mark)
    if place < 0:
        place = page.rfind(AT_LAST)
    return page[:place] + piece + page[place:] if piece and place >= 0 else page
