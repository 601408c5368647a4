"""Words that wait while somebody signs up: shown, downloaded and let go of by whoever has their link."""

import secrets
from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Response, abort, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.exceptions import Gone

from plugin.channels import CHANNELS
from plugin.channels.email import DeliveryError, Mail
from plugin.embedding import compose_address
from plugin.prompting import origin_of
from plugin.rendering import rendered
from plugin.store.communities import Community, community_by_slug
from plugin.store.discussions import discussion_at, discussion_by_id
from plugin.store.kept import KeptWords, kept_by_key, leave_mark, let_go, opened
from plugin.store.opening import reading, writing
from webhooks.audience import open_to_all
from webhooks.guests import guests, invitation
from webhooks.mine import is_address
from webhooks.pages import day
from webhooks.policies import posting_policy
from webhooks.wiring import service

kept = guests("kept", __name__)


class KeptOver(Gone):
    """No words wait under this link: they were let go of, their time is over, or a part of it is missing."""


@kept.get("/<community>/kept/<key>")
@open_to_all
def page(community: str, key: str) -> str:
    """Show the link, until when it works, and the buttons: mail scanners follow links, and press nothing."""
    return _page(*_found(community, key), key)


@kept.post("/<community>/kept/<key>")
@open_to_all
def show(community: str, key: str) -> str:
    """Show the words, as often as they are needed."""
    _, found = _found(community, key)
    words, choice = opened(found, key)
    guest = invitation(community, found.url)
    with writing(service().db) as conn:
        known = found.discussion_id and discussion_by_id(conn, found.discussion_id)
        place = known or discussion_at(conn, found.community_id, found.url)
        if place is not None:
            leave_mark(conn, service().vault, place.id, words, choice, datetime.now(UTC))
    composer = compose_address(guest.host.compose_url, place.discussion if place else None)
    g.posts_to = origin_of(composer) if composer else None
    return render_template(
        "members/kept_words.html",
        guest=guest,
        prompt=guest.prompt,
        key=key,
        kept=found,
        words=words,
        composer=composer,
        is_known=place is not None,
    )


@kept.post("/<community>/kept/<key>/text")
@open_to_all
def download(community: str, key: str) -> Response:
    """Hand over the words as a file, byte for byte as they came."""
    _, found = _found(community, key)
    words, _ = opened(found, key)
    answer = Response(words.encode(), content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = "attachment; filename=my-words.txt"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@kept.post("/<community>/kept/<key>/done")
@open_to_all
def done(community: str, key: str) -> str:
    """Let go of the words: they were posted, or are no longer wanted."""
    _, found = _found(community, key)
    with writing(service().db) as conn:
        let_go(conn, found.id)
    guest = invitation(community, found.url)
    return render_template("members/kept_gone.html", prompt=guest.prompt, are_posted="posted" in request.form)


@kept.post("/<community>/kept/<key>/mail")
@open_to_all
def mail(community: str, key: str) -> ResponseReturnValue:
    """Mail the link, here and now: neither it nor the address is written down."""
    host, found = _found(community, key)
    if service().post.host is None:
        abort(404)
    address = request.form.get("address", "").strip()
    if not is_address(address):
        mistake = gettext("Please write an email address, such as name@example.org.")
        return _page(host, found, key, mistake=mistake, address=address), 422
    about = {"community": host, "link": _link(host, key), "ends": day(found.expires_at)}
    letter = Mail(
        recipient=address,
        subject=gettext("The link to your words for %(name)s", name=host.name),
        text=rendered("mail/kept_link.txt", **about),
        html=rendered("mail/kept_link.html", **about),
        # Random: whoever sees the id of a mail must not learn whose it is, or the key.
        message_id=f"<kept-{secrets.token_hex(8)}@{urlsplit(service().public_url).hostname}>",
    )
    try:
        CHANNELS["email"](service().post, letter)
    except DeliveryError:
        mistake = gettext("The mail could not be sent just now. Please copy the link instead.")
        return _page(host, found, key, mistake=mistake, address=address), 503
    return _page(host, found, key, is_sent=True)


@kept.errorhandler(KeptOver)
def over(_error: KeptOver) -> ResponseReturnValue:
    """Say kindly that the words are gone."""
    return render_template("members/kept_over.html"), 410


@kept.after_request
def only_the_words_may_go_to_the_forum(response: Response) -> Response:
    """Let the page with the words, and no other, hold a form for the forum."""
    if request.endpoint == "kept.show":
        response.headers["Content-Security-Policy"] = posting_policy(g.get("posts_to"))
    return response


def _found(slug: str, key: str) -> tuple[Community, KeptWords]:
    with reading(service().db) as conn:
        host = community_by_slug(conn, slug)
        found = kept_by_key(conn, host.id, key, datetime.now(UTC)) if host else None
    if host is None or found is None:
        raise KeptOver
    return host, found


def _page(host: Community, found: KeptWords, key: str, **said: object) -> str:
    guest = invitation(host.slug, found.url)
    return render_template(
        "members/kept.html",
        guest=guest,
        prompt=guest.prompt,
        key=key,
        kept=found,
        link=_link(host, key),
        can_mail=service().post.host is not None,
        **{"mistake": None, "address": "", "is_sent": False} | said,
    )


def _link(host: Community, key: str) -> str:
    return service().public_url + url_for("kept.page", community=host.slug, key=key)


# Read by Talisman: the policy of the page with the words is set above, as it may name the forum.
show.talisman_view_options = {"content_security_policy": None}  # type: ignore[attr-defined]
