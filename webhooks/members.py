"""What guests meet first: the invitation under a discussion, and the way to write, sign up or sign in."""

from flask import Response, abort, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from plugin.embedding import origins_of
from plugin.store.communities import community_by_slug
from plugin.store.opening import reading
from plugin.telling import has_groups, has_inbox
from webhooks.audience import open_to_all
from webhooks.guests import count, guests, invitation, keeps_words_itself, roles_to_choose
from webhooks.policies import framed_policy
from webhooks.wiring import service

members = guests("members", __name__)


@members.get("/<community>/panel")
@open_to_all
def panel(community: str) -> str:
    """Show the invitation. "Not now" is remembered in the address alone, so nothing is kept on the device.

    With `fit`, as /embed.js asks, the page says how tall it is to the page around it.
    """
    guest = invitation(community)
    g.framed_by = origins_of(guest.host)
    is_later = "later" in request.args
    if not is_later:
        count("shown", guest)
    return render_template(
        "members/panel.html",
        guest=guest,
        prompt=guest.prompt,
        is_later=is_later,
        fit="1" if "fit" in request.args else None,
        roles=roles_to_choose(),
        chosen=(),
        forum_keeps_words=keeps_words_itself(guest.host),
    )


@members.get("/<community>/go")
@open_to_all
def go(community: str) -> ResponseReturnValue:
    """Count that the invitation was taken up, without asking by whom, and lead on."""
    guest = invitation(community)
    prompt = guest.prompt
    ways = {"sign-up": prompt.sign_up_url, "sign-in": prompt.sign_in_url}
    way = request.args.get("to")
    if way not in ways:
        abort(404)
    count("chosen", guest)
    return redirect(ways[way], 303)


@members.get("/<community>/about-tags")
@open_to_all
def about_tags(community: str) -> str:
    """Say what the tags beside comments are, who sees them, and how to take one back."""
    with reading(service().db) as conn:
        found = community_by_slug(conn, community)
        if found is None:
            abort(404)
        return render_template(
            "members/about_tags.html",
            community=found,
            are_shown=found.public_tags == "consented",
            has_groups=has_groups(conn, found),
            sends_links=has_inbox(conn, found),
        )


@members.after_request
def only_its_own_site_frames_it(response: Response) -> Response:
    """Let only the community's own sites frame the panel."""
    if request.endpoint == "members.panel":
        policy = framed_policy(g.get("framed_by", ()), with_script="fit" in request.args)
        response.headers["Content-Security-Policy"] = policy
    return response


# Read by Talisman: the panel's own policy is set above, as it names the community.
panel.talisman_view_options = {"content_security_policy": None}  # type: ignore[attr-defined]
