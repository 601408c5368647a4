"""The one place where a visitor becomes somebody we know: by the private link they came with, and nothing else yet."""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from flask import abort, request
from werkzeug.exceptions import Gone

from plugin.prompting import origin_of
from plugin.store.communities import Community, community_by_slug
from plugin.store.links import KnownAuthor, author_by_link
from plugin.telling import has_groups
from webhooks.wiring import service


class LinkOver(Gone):
    """A link that opens nothing, or no longer. What it opened, and for whom, is not said."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who came by their own link, and the community it belongs to."""

    author: KnownAuthor
    community: Community
    # Whether their forum has groups for roles, and can be told who agreed to be in them.
    has_groups: bool = False


def visitor(conn: sa.Connection, slug: str, token: str) -> Visitor:
    """Return who came with this link; raise LinkOver where it is not live in this community."""
    community = community_by_slug(conn, slug)
    author = author_by_link(conn, token, datetime.now(UTC))
    if community is None or author is None or author.community_id != community.id:
        raise LinkOver
    return Visitor(author, community, has_groups(conn, community))


def refuse_other_sites() -> None:
    """Abort with 403 where a page of another site sent this form.

    Browsers say where a form comes from, by one header or the other. A program that says neither acts for itself.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    is_ours = site == "same-origin" if site else origin in (None, origin_of(service().public_url))
    if not is_ours:
        abort(403)
