"""What guests meet: the invitation under a discussion, and the way to sign up, sign in or write to the editors."""

import contextlib

import sqlalchemy as sa
from flask import Blueprint, Response, abort, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from plugin.prompting import LONGEST_ADDRESS, Prompt, origin_of, prompt_for
from plugin.store.communities import Community, community_by_slug
from plugin.store.discussions import StoredDiscussion, discussion_at
from plugin.store.opening import reading, writing
from plugin.store.prompts import Step, count_prompt
from webhooks.audience import open_to_all
from webhooks.wiring import service

# No script, no form: the panel stands in somebody else's page and needs neither.
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
)

members = Blueprint("members", __name__, url_prefix="/members")


@members.get("/<community>/panel")
@open_to_all
def panel(community: str) -> str:
    """Show the invitation. "Not now" is remembered in the address alone, so nothing is kept on the device."""
    host, place, prompt = _invitation(community)
    g.framed_by = f"'self' {origin_of(host.base_url)}"
    is_later = "later" in request.args
    if not is_later:
        _count("shown", host, place)
    return render_template("members/panel.html", prompt=prompt, slug=host.slug, url=_url(), is_later=is_later)


@members.get("/<community>/go")
@open_to_all
def go(community: str) -> ResponseReturnValue:
    """Count that the invitation was taken up, without asking by whom, and lead on."""
    host, place, prompt = _invitation(community)
    way = request.args.get("to")
    if way not in WAYS:
        abort(404)
    _count("chosen", host, place)
    if way == "write":
        return render_template("members/write.html", prompt=prompt)
    return redirect(prompt.sign_up_url if way == "sign-up" else prompt.sign_in_url, 303)


@members.after_request
def keep_nothing(response: Response) -> Response:
    """Let no cache keep the page, and only the community's own site frame it."""
    response.headers["Cache-Control"] = "no-store"
    if request.endpoint == "members.panel":
        response.headers["Content-Security-Policy"] = POLICY + g.get("framed_by", "'none'")
    return response


def _invitation(slug: str) -> tuple[Community, StoredDiscussion | None, Prompt]:
    with reading(service().db) as conn:
        host = community_by_slug(conn, slug)
        if host is None:
            abort(404)
        place = discussion_at(conn, host.id, _url())
    return host, place, prompt_for(host, place.discussion if place else None, _url())


def _url() -> str:
    url = request.args.get("url", "")
    return url if len(url) <= LONGEST_ADDRESS else ""


def _count(step: Step, host: Community, place: StoredDiscussion | None) -> None:
    if request.method == "HEAD":
        return
    # A figure is worth less than the page: a full or busy database must not turn a guest away.
    with contextlib.suppress(sa.exc.OperationalError), writing(service().db) as conn:
        count_prompt(conn, host.id, step, place.id if place else None)


# Read by Talisman: the panel's own policy is set above, as it names the community.
panel.talisman_view_options = {"content_security_policy": None}  # type: ignore[attr-defined]

WAYS = ("sign-up", "sign-in", "write")
