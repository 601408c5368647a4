"""The plugin's own pages: write-backs, the composer that is filled in, and who a member is here."""

import sqlalchemy as sa
from flask import Blueprint, Response, abort, flash, g, make_response, redirect, request, url_for
from flask import render_template as render_plainly
from flask.typing import ResponseReturnValue
from flask_allows2 import Permission
from flask_login import current_user, login_required
from flaskbb.extensions import db
from flaskbb.forum.forms import ReplyForm
from flaskbb.forum.models import Post, Topic
from flaskbb.utils.helpers import real, render_template
from flaskbb.utils.requirements import can_access_forum, can_post_reply

from manyvoices_flaskbb import asking, writing_back
from manyvoices_flaskbb.moments import identity, written
from manyvoices_flaskbb.settings import settings
from manyvoices_flaskbb.tables import links, tags

LONGEST_WORDS = 200_000

pages = Blueprint("manyvoices", __name__, url_prefix="/manyvoices", template_folder="templates", static_folder="static")


@pages.post("/webhooks")
def take_write_back() -> ResponseReturnValue:
    """Take what Many Voices writes back."""
    return writing_back.take()


@pages.route("/compose/<topic>", methods=["POST"])
def compose(topic: str) -> ResponseReturnValue:
    """Fill kept words into the reply form, for their author to look over; nothing is posted here.

    A page elsewhere sends us here, and then a browser leaves the session cookie at home. So the first answer is a page
    of our own that touches no session, with a button; pressed, it asks again from this very site, cookie and all.
    """
    found = _topic(topic)
    words = request.form.get("text", "")
    if found is None or len(words) > LONGEST_WORDS:
        abort(404 if found is None else 413)
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin" or not current_user.is_authenticated:
        asked = request.form.get("again") == "yes"
        return _private(render_plainly("manyvoices/words.html", topic=found, words=words, is_guest=asked, here=topic))
    if not Permission(can_access_forum(found.forum), can_post_reply(found)):
        abort(403)
    form = ReplyForm(formdata=None)
    form.content.data = words
    # The form stands at another address than the one that takes it.
    form.submit.render_kw = {"formaction": url_for("forum.new_post", topic_id=found.id, slug=found.slug)}
    return _private(render_template("forum/new_post.html", topic=found, form=form))


@pages.route("/who-i-am", methods=["GET", "POST"])
@login_required
def roles() -> ResponseReturnValue:
    """Show a member who they said they are, and let them change it."""
    me = real(current_user)
    if request.method == "POST":
        asking.keep_answer(me)
        flash("Thank you. What you say here is kept.", "success")
        return redirect(url_for("manyvoices.roles"), 303)
    return render_template("manyvoices/who_i_am.html", **asking.question(asking.answer_of(me)))


def beside(post: Post) -> str:
    """Return what stands beside a comment: the tag its author let show, and for themselves their private link."""
    if settings() is None:
        return ""
    tag = _tags(post).get(post.id)
    tag = tag if tag and tag.created_at == written(post.date_created) else None
    is_own = current_user.is_authenticated and current_user.id == post.user_id
    link = _link() if is_own else None
    return render_template("manyvoices/beside.html", tag=tag, link=link) if tag or link else ""


def _tags(post: Post) -> dict[int, sa.Row[tuple[object, ...]]]:
    """Return the tags of the post's whole topic: asked for once, and not once for each post on the page."""
    by_topic: dict[int | None, dict[int, sa.Row[tuple[object, ...]]]] = g.setdefault("manyvoices_tags", {})
    if post.topic_id not in by_topic:
        in_topic = sa.select(Post.id).where(Post.topic_id == post.topic_id)
        rows = db.session.execute(sa.select(tags).where(tags.c.post_id.in_(in_topic)))
        by_topic[post.topic_id] = {row.post_id: row for row in rows if row.labels}
    return by_topic[post.topic_id]


def _link() -> str | None:
    if "manyvoices_link" not in g:
        mine = (
            links.c.user_id == current_user.id,
            links.c.known_as == identity(current_user.id, current_user.date_joined),
        )
        g.manyvoices_link = db.session.scalar(sa.select(links.c.url).where(*mine))
    link: str | None = g.manyvoices_link
    return link


def _topic(named: str) -> Topic | None:
    """Return the topic that goes by this name (or number), where whoever asks may know that it is there."""
    number = named.partition("-")[0]
    topic = db.session.get(Topic, int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None
    if topic is None or topic.hidden or named not in (number, identity(topic.id, topic.date_created)):
        return None
    return topic


def _private(page: str) -> Response:
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
