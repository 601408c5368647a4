"""Every mail that we send: one row for each mail to each recipient, and how far it got."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from plugin.store.opening import insert_into
from plugin.store.tables import outbox

# About an insight: forward, urgent, recall. To its author: news of it, reply (an answer is there), verify (an address),
# link (to their own page).
# To one of the staff: digest, desk_digest, and what is about one insight: assigned, reopened, woken,
# routed. A copy that a
# desk_digest held is `enclosed`: a row of its own, so that it can be called back. To a program: its event's name.
MailKind = Literal[
    "forward",
    "urgent",
    "recall",
    "news",
    "reply",
    "verify",
    "link",
    "digest",
    "desk_digest",
    "enclosed",
    "assigned",
    "reopened",
    "woken",
    "routed",
    "insight.new",
    "insight.step",
    "insight.recalled",
]
Channel = Literal["email", "webhook"]
Status = Literal["waiting", "sending", "sent", "withheld", "failed", "recalled"]

# A mail to a contributor names nobody: their address is read, unsealed, when the mail is sent.
CONTRIBUTOR = "contributor"
# A mail to an account: its address is read when the mail is sent.
STAFF = "staff:"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the outbox: one mail to one recipient."""

    id: int
    community_id: int
    insight_id: int | None
    author_id: int | None
    recalls_id: int | None
    kind: MailKind
    recipient: str
    message_id: str
    status: Status
    round: int
    up_to: int | None
    created_at: datetime
    channel: Channel = "email"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Recall:
    """That a copy was called back: when it had been sent, when we asked, and when somebody said that it is gone."""

    id: int
    sent_at: datetime | None
    asked_at: datetime
    is_sent: bool
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that could not be sent, and when that was certain."""

    mail: Waiting
    at: datetime | None


def put_out(
    conn: sa.Connection,
    *,
    community_id: int,
    kind: MailKind,
    recipient: str,
    message_id: str,
    at: datetime,
    insight_id: int | None = None,
    author_id: int | None = None,
    recalls_id: int | None = None,
    up_to: int | None = None,
    channel: Channel = "email",
) -> Waiting | None:
    """Put a mail up for sending and return it; return None where it waits or went already.

    A mail that was withheld is put up again: its comment may be back. So is one that was recalled: its author may
    have agreed once more.
    """
    insert = insert_into(conn, outbox).values(
        community_id=community_id,
        insight_id=insight_id,
        author_id=author_id,
        recalls_id=recalls_id,
        kind=kind,
        channel=channel,
        recipient=recipient,
        message_id=message_id,
        status="waiting",
        created_at=at,
        up_to=up_to,
    )
    again = insert.on_conflict_do_update(
        index_elements=["message_id"],
        set_={
            "status": "waiting",
            "reason": None,
            "created_at": at,
            "finished_at": None,
            "round": outbox.c.round + 1,
        },
        where=outbox.c.status.in_(AGAIN[kind]),
    )
    row = conn.execute(again.returning(outbox.c.id)).first()
    return waiting_mail(conn, row.id) if row else None


def waiting_mail(conn: sa.Connection, outbox_id: int) -> Waiting | None:
    """Return a row of the outbox, or None where it was erased."""
    row = conn.execute(sa.select(outbox).where(outbox.c.id == outbox_id)).first()
    return _waiting(row) if row else None


def mails_about(
    conn: sa.Connection, insight_ids: Collection[int], kinds: Collection[MailKind], status: Status
) -> list[Waiting]:
    """Return the mails of these kinds about these insights that got as far as `status`."""
    about = (outbox.c.insight_id.in_(insight_ids), outbox.c.kind.in_(kinds), outbox.c.status == status)
    return [_waiting(row) for row in conn.execute(sa.select(outbox).where(*about).order_by(outbox.c.id))]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one mail about an insight got: `at` is when it was over, or when it was put up."""

    kind: MailKind
    recipient: str
    status: Status
    reason: str | None
    at: datetime
    confirmed_at: datetime | None


def progress_of(conn: sa.Connection, insight_id: int) -> list[Progress]:
    """Return how far each mail about an insight got, in the order in which they were put up."""
    query = sa.select(outbox).where(outbox.c.insight_id == insight_id).order_by(outbox.c.id)
    return [
        Progress(row.kind, row.recipient, row.status, row.reason, row.finished_at or row.created_at, row.confirmed_at)
        for row in conn.execute(query)
    ]


def first_mail(conn: sa.Connection, insight_id: int, recipients: Collection[str]) -> Waiting | None:
    """Return the mail with which the first of these recipients heard of an insight, or None where none did."""
    about = (outbox.c.insight_id == insight_id, outbox.c.kind == "forward", outbox.c.status.in_(("sent", "recalled")))
    query = sa.select(outbox).where(*about, outbox.c.recipient.in_(recipients)).order_by(outbox.c.id)
    found = {row.recipient: _waiting(row) for row in conn.execute(query)}
    return next((found[one] for one in recipients if one in found), None)


def failed_mails(conn: sa.Connection, community_ids: Collection[int], *, limit: int) -> list[Failed]:
    """Return what could not be sent in these communities, on any channel, the newest first."""
    query = sa.select(outbox).where(outbox.c.community_id.in_(community_ids), outbox.c.status == "failed")
    return [
        Failed(_waiting(row), row.finished_at) for row in conn.execute(query.order_by(outbox.c.id.desc()).limit(limit))
    ]


def failed_to(conn: sa.Connection, recipient: str) -> list[Waiting]:
    """Return what could not be sent to a recipient, oldest first."""
    query = sa.select(outbox).where(outbox.c.recipient == recipient, outbox.c.status == "failed")
    return [_waiting(row) for row in conn.execute(query.order_by(outbox.c.id))]


def recipients_of(conn: sa.Connection, insight_id: int, kind: MailKind, status: Status) -> list[str]:
    """Return who has what was sent about an insight, of one kind."""
    about = (outbox.c.insight_id == insight_id, outbox.c.kind == kind, outbox.c.status == status)
    return list(conn.scalars(sa.select(outbox.c.recipient).where(*about).order_by(outbox.c.id)))


def enclosed_in(conn: sa.Connection, digest_id: int) -> list[Waiting]:
    """Return the copies that a digest held."""
    query = sa.select(outbox).where(outbox.c.recalls_id == digest_id, outbox.c.kind == "enclosed")
    return [_waiting(row) for row in conn.execute(query.order_by(outbox.c.id))]


def mark_mail(
    conn: sa.Connection,
    outbox_id: int,
    status: Status,
    *,
    at: datetime | None = None,
    reason: str | None = None,
    may_be_double: bool = False,
) -> None:
    """Record how far a mail got; `at` is when it was over, one way or the other."""
    values: dict[str, object] = {"status": status, "reason": reason}
    if status != "recalled":
        values["finished_at"] = at
    if may_be_double:
        values["may_be_double"] = True
    conn.execute(sa.update(outbox).where(outbox.c.id == outbox_id).values(**values))


def revive_mail(conn: sa.Connection, outbox_id: int) -> bool:
    """Let something go once more that could not be sent, and return whether that was so."""
    failed = sa.and_(outbox.c.id == outbox_id, outbox.c.status == "failed")
    values = {"status": "waiting", "reason": None, "finished_at": None}
    return conn.execute(sa.update(outbox).where(failed).values(**values)).rowcount == 1


def recalls_of(conn: sa.Connection, insight_id: int) -> list[Recall]:
    """Return what was called back of an insight, oldest first."""
    original = outbox.alias()
    query = (
        sa.select(outbox, original.c.finished_at.label("sent_at"))
        .select_from(outbox.outerjoin(original, original.c.id == outbox.c.recalls_id))
        .where(outbox.c.insight_id == insight_id, outbox.c.kind == "recall")
        .order_by(outbox.c.id)
    )
    return [
        Recall(row.id, row.sent_at, row.created_at, row.status == "sent", row.confirmed_at)
        for row in conn.execute(query)
    ]


def sent_moments(conn: sa.Connection, insight_ids: Collection[int]) -> dict[int, datetime]:
    """Return when each of these insights went to the editors, of those that did."""
    went = outbox.c.status.in_(("sent", "recalled"))
    query = sa.select(outbox.c.insight_id, outbox.c.finished_at).where(
        outbox.c.insight_id.in_(insight_ids), outbox.c.kind == "forward", went
    )
    return {row.insight_id: row.finished_at for row in conn.execute(query)}


def confirm_recall(conn: sa.Connection, outbox_id: int, *, by: str, at: datetime) -> None:
    """Record that somebody said their copy is gone; the first who says so is the one who is named."""
    open_ = sa.and_(outbox.c.id == outbox_id, outbox.c.kind == "recall", outbox.c.confirmed_at.is_(None))
    conn.execute(sa.update(outbox).where(open_).values(confirmed_at=at, confirmed_by=by))


def confirmed_at(conn: sa.Connection, outbox_id: int) -> datetime | None:
    """Return when somebody said that the copy of this recall is gone, or None."""
    found: datetime | None = conn.scalar(sa.select(outbox.c.confirmed_at).where(outbox.c.id == outbox_id))
    return found


def _waiting(row: sa.Row[*tuple[object, ...]]) -> Waiting:
    return Waiting(
        row.id,
        row.community_id,
        row.insight_id,
        row.author_id,
        row.recalls_id,
        row.kind,
        row.recipient,
        row.message_id,
        row.status,
        row.round,
        row.up_to,
        row.created_at,
        row.channel,
        row.reason,
    )


# Which of its states lets a mail go once more.
AGAIN: dict[MailKind, tuple[Status, ...]] = {
    "forward": ("withheld", "recalled"),
    "urgent": ("withheld", "recalled"),
    "recall": (),
    "news": ("withheld",),
    "reply": ("withheld",),
    "verify": ("sent", "failed", "withheld"),
    "link": ("sent", "failed", "withheld"),
    "digest": (),
    "desk_digest": (),
    "enclosed": (),
    "assigned": (),
    "reopened": (),
    "woken": (),
    "routed": (),
    "insight.new": ("withheld", "recalled"),
    "insight.step": (),
    "insight.recalled": (),
}
