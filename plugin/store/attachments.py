"""How a community is attached, as far as the database knows: what the doctor and the owner's checklist look at."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.sealing import CannotUnseal, Vault
from plugin.store.communities import Community, count_live_secrets, count_unreadable_secrets
from plugin.store.connections import connection_of
from plugin.store.staff import staff_access
from plugin.store.tables import comments, connections, events, outbox


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is known of how a community is attached.

    `secrets` are live, and `unreadable` of them were sealed with a key that we no longer have. `last_signed_at` is when
    its forum last told us something in our own form; `last_read_at` when a forum that we ask was last looked through;
    `first_comment_at` when the first comment came that was not read back. `moderators` and `editors` have an account
    that says so: an admin may do all that they do, and is not counted. `mails_failed` were given up since one last
    went.
    """

    community: Community
    secrets: int
    unreadable: int
    is_connected: bool
    is_connection_readable: bool
    stopped_at: datetime | None
    stop_reason: str | None
    last_read_at: datetime | None
    last_signed_at: datetime | None
    first_comment_at: datetime | None
    moderators: int
    editors: int
    last_mail_at: datetime | None
    mails_failed: int


def attachment_of(conn: sa.Connection, vault: Vault, community: Community, now: datetime) -> Attachment:
    """Return what the database knows of how this community is attached; nothing is asked of its forum."""
    connection = conn.execute(sa.select(connections).where(connections.c.community_id == community.id)).first()
    last_mail_at = _last_mail_at(conn, community.id)
    return Attachment(
        community=community,
        secrets=count_live_secrets(conn, community.id, now),
        unreadable=count_unreadable_secrets(conn, vault, community.id, now),
        is_connected=connection is not None,
        is_connection_readable=_is_readable(conn, vault, community.id),
        stopped_at=connection.stopped_at if connection else None,
        stop_reason=connection.stop_reason if connection else None,
        last_read_at=connection.polled_at if connection else None,
        last_signed_at=_last_signed_at(conn, community.id),
        first_comment_at=_first_comment_at(conn, community.id),
        moderators=_count_staff(conn, "moderator", community.id),
        editors=_count_staff(conn, "editor", community.id),
        last_mail_at=last_mail_at,
        mails_failed=_count_failed(conn, community.id, last_mail_at),
    )


def _is_readable(conn: sa.Connection, vault: Vault, community_id: int) -> bool:
    try:
        connection_of(conn, vault, community_id)
    except CannotUnseal:
        return False
    return True


def _last_signed_at(conn: sa.Connection, community_id: int) -> datetime | None:
    signed = sa.and_(events.c.community_id == community_id, events.c.key.startswith("standard:", autoescape=True))
    found: datetime | None = conn.scalar(sa.select(sa.func.max(events.c.received_at)).where(signed))
    return found


def _first_comment_at(conn: sa.Connection, community_id: int) -> datetime | None:
    arrived = sa.and_(comments.c.community_id == community_id, comments.c.source.in_(("webhook", "reconcile")))
    found: datetime | None = conn.scalar(sa.select(sa.func.min(comments.c.received_at)).where(arrived))
    return found


def _count_staff(conn: sa.Connection, role: str, community_id: int) -> int:
    theirs = sa.or_(staff_access.c.community_id.is_(None), staff_access.c.community_id == community_id)
    people = sa.select(sa.func.count(staff_access.c.user_id.distinct())).where(staff_access.c.role == role, theirs)
    return int(conn.scalar(people) or 0)


def _last_mail_at(conn: sa.Connection, community_id: int) -> datetime | None:
    sent = sa.and_(outbox.c.community_id == community_id, outbox.c.channel == "email", outbox.c.status == "sent")
    found: datetime | None = conn.scalar(sa.select(sa.func.max(outbox.c.finished_at)).where(sent))
    return found


def _count_failed(conn: sa.Connection, community_id: int, since: datetime | None) -> int:
    failed = [outbox.c.community_id == community_id, outbox.c.channel == "email", outbox.c.status == "failed"]
    failed += [outbox.c.finished_at > since] if since else []
    return int(conn.scalar(sa.select(sa.func.count()).select_from(outbox).where(*failed)) or 0)
