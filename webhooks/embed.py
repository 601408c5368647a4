"""What a community's own pages may fetch: the script that shows the panel and the tags, and the tags."""

from flask import Blueprint, Response, abort, jsonify, request
from flask_babel import gettext

from plugin.embedding import origins_of
from plugin.rendering import STATIC
from plugin.showing import public_labels
from plugin.store.comments import shown_comments_at
from plugin.store.communities import Community, community_by_slug
from plugin.store.consents import receipts_for
from plugin.store.opening import reading
from plugin.store.tags import tags_for
from webhooks.audience import open_to_all
from webhooks.guests import address_asked
from webhooks.wiring import service

SCRIPT = "embed.js"
# The page never waits for it: what is kept is used, and looked after behind the page's back.
SCRIPT_CACHE = "public, max-age=3600, stale-while-revalidate=604800"
# Somebody who no longer agrees is believed within a minute, even by those who asked before.
TAGS_CACHE = "public, max-age=60"

embed = Blueprint("embed", __name__)


@embed.get("/embed.js")
@open_to_all
def script() -> Response:
    """Hand out the script that a site owner pastes into their pages; its address stays the same over releases."""
    answer = Response((STATIC / SCRIPT).read_bytes(), content_type="text/javascript; charset=utf-8")
    answer.headers["Cache-Control"] = SCRIPT_CACHE
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


@embed.get("/members/<community>/tags")
@open_to_all
def tags(community: str) -> Response:
    """Say which roles may stand beside the comments of one public page, by the forum's own ids of the comments.

    A page that we have not heard of, one for members and one where nobody agreed are answered alike, by the same steps.
    """
    with reading(service().db) as conn:
        host = community_by_slug(conn, community)
        if host is None:
            abort(404)
        shown = shown_comments_at(conn, host.id, address_asked())
        ids = list(shown.values())
        standing, receipts = tags_for(conn, ids), receipts_for(conn, ids)
    labels = {
        native_id: public_labels(standing[comment_id], receipts[comment_id], "visible", host.public_tags)
        for native_id, comment_id in shown.items()
    }
    answer = jsonify(
        platform=host.platform,
        places=dict(host.places),
        title=gettext("Join the discussion"),
        says=gettext("Says they are here as:"),
        tags={native_id: list(said) for native_id, said in labels.items() if said},
    )
    answer.headers["Cache-Control"] = TAGS_CACHE
    answer.headers["X-Robots-Tag"] = "noindex"
    _open_to_its_own_sites(answer, host)
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _open_to_its_own_sites(answer: Response, host: Community) -> None:
    """Let scripts on the community's own sites read the answer, and no other site's."""
    answer.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin in origins_of(host):
        answer.access_control_allow_origin = origin
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
