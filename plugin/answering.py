"""Answer the author of an insight, and have them hear of it in the way that they agreed to."""

from zoneinfo import ZoneInfo

import sqlalchemy as sa

from plugin import desk
from plugin.basis import Withheld, basis_on_desk
from plugin.delivery import tell_of_reply
from plugin.desk import Actor
from plugin.outcomes import NotAllowed
from plugin.replying import Hearing, check_reply, due_at, hearing_of
from plugin.service import Service
from plugin.store.addresses import address_of
from plugin.store.authors import native_id_of
from plugin.store.communities import Community
from plugin.store.insights import author_of, sendings_of
from plugin.telling import has_inbox, send_private_link


def reply(
    service: Service, conn: sa.Connection, community: Community, insight_id: int, text: str, actor: Actor
) -> Hearing:
    """Answer the author of an insight and return how they hear of it.

    Raises NotSaid for an answer that is empty or has an open place, NotAllowed where the words may not be read any
    longer, Stale.
    """
    check_reply(text)
    if isinstance(basis_on_desk(sendings_of(conn, [insight_id], "forward")[insight_id]), Withheld):
        raise NotAllowed("The words may not be read any longer, so nobody can answer them.")
    hearing = hearing_for(service, conn, community, insight_id)
    reply_id = desk.reply(service, conn, insight_id, text, actor)
    author = author_of(conn, insight_id)
    if author is None:
        return hearing
    if hearing.way == "mail":
        address = address_of(conn, service.vault, author[0])
        local = actor.at.astimezone(ZoneInfo(community.time_zone))
        due = due_at(address.frequency, local) if address else None
        tell_of_reply(service, conn, community.id, author[0], insight_id=insight_id, reply_id=reply_id, due_at=due)
    if hearing.way == "forum":
        send_private_link(service, conn, community, author[0])
    return hearing


def hearing_for(service: Service, conn: sa.Connection, community: Community, insight_id: int) -> Hearing:
    """Return how the author of an insight would hear of an answer now."""
    author = author_of(conn, insight_id)
    address = address_of(conn, service.vault, author[0]) if author else None
    is_member = author is not None and native_id_of(conn, author[0]) is not None
    return hearing_of(
        sendings_of(conn, [insight_id], "forward")[insight_id].receipts,
        has_mail=address is not None and address.verified_at is not None,
        wants_mail=address is not None and address.frequency != "never",
        has_inbox=has_inbox(conn, community) and is_member,
    )
