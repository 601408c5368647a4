"""Carry out what was decided: put a mail up for sending, send it once it is due, and call it back."""

import hmac
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog

from plugin.basis import Withheld, basis_for, basis_on_desk
from plugin.channels import CHANNELS
from plugin.channels.email import DeliveryError, Mail
from plugin.engine import Again
from plugin.letters import mail_for
from plugin.service import Service
from plugin.store.addresses import Frequency, mark_told, save_address
from plugin.store.communities import Community
from plugin.store.desk import put_on_desk
from plugin.store.insights import Kind, sendings_of
from plugin.store.opening import writing
from plugin.store.outbox import CONTRIBUTOR, MailKind, Waiting, mails_about, mark_mail, put_out, waiting_mail
from plugin.store.steps import last_step_of

TO_EDITORS: tuple[MailKind, ...] = ("forward",)
CARRY_WORDS: tuple[MailKind, ...] = ("forward", "urgent")

log = structlog.get_logger()


def put_up(service: Service, conn: sa.Connection, community: Community, insight_id: int) -> None:
    """Put the mail up that an insight calls for now, and call back what must not stay; asked again when it is sent."""
    sending = sendings_of(conn, [insight_id], "forward")[insight_id]
    if (sending.is_insight or sending.is_urgent) and not isinstance(basis_on_desk(sending), Withheld):
        put_on_desk(conn, insight_id, datetime.now(UTC))
    kind: Kind = "urgent" if sending.is_urgent else "forward"
    basis = basis_for(replace(sending, kind=kind))
    if isinstance(basis, Withheld):
        if basis.is_final:
            call_back(service, conn, [insight_id])
        return
    recipient = community.moderators_address if kind == "urgent" else community.editorial_address
    # An author may change their mind for a while. One who was asked has made it up.
    waits = kind == "forward" and basis == "notice"
    _put(
        service,
        conn,
        put_out(
            conn,
            community_id=community.id,
            insight_id=insight_id,
            kind=kind,
            recipient=recipient,
            message_id=_message_id(service, f"insight-{insight_id}-{kind}", recipient),
            at=datetime.now(UTC),
        ),
        delay=community.wait_minutes * 60 if waits else 0,
    )


def call_back(
    service: Service, conn: sa.Connection, insight_ids: Collection[int], kinds: Collection[MailKind] = TO_EDITORS
) -> None:
    """Ask everybody who got the words of these insights, by mails of these kinds, to delete them."""
    for sent in mails_about(conn, insight_ids, kinds, "sent"):
        mark_mail(conn, sent.id, "recalled", reason="its author took it back")
        _put(
            service,
            conn,
            put_out(
                conn,
                community_id=sent.community_id,
                insight_id=sent.insight_id,
                recalls_id=sent.id,
                kind="recall",
                recipient=sent.recipient,
                message_id=_message_id(service, f"recall-{sent.id}-{sent.round}", sent.recipient),
                up_to=sent.round,
                at=datetime.now(UTC),
            ),
        )


def tell_contributor(service: Service, conn: sa.Connection, community_id: int, author_id: int) -> None:
    """Put up the mail that tells an author what became of what they shared, up to now."""
    up_to = last_step_of(conn, author_id)
    _put_to_contributor(service, conn, community_id, author_id, "news", str(up_to), up_to=up_to)


def tell_of_reply(
    service: Service,
    conn: sa.Connection,
    community_id: int,
    author_id: int,
    *,
    insight_id: int,
    reply_id: int,
    due_at: datetime | None = None,
) -> None:
    """Put up the mail that tells an author that an answer is there.

    Args:
        service: what we work with.
        conn: inside the transaction that kept the answer.
        community_id: in which community.
        author_id: who is told.
        insight_id: what was answered.
        reply_id: the answer.
        due_at: when one mail tells of all that was answered until then; None is at once, one mail for each answer.
    """
    now = datetime.now(UTC)
    occasion = f"by-{due_at:%Y-%m-%d}" if due_at else str(reply_id)
    delay = max(0.0, (due_at - now).total_seconds()) if due_at else 0
    _put_to_contributor(
        service,
        conn,
        community_id,
        author_id,
        "reply",
        occasion,
        up_to=reply_id,
        insight_id=insight_id,
        delay=delay,
    )


def put_digest(service: Service, conn: sa.Connection, community_id: int, user_id: int, week: str) -> None:
    """Put up the letter of a week to one of the staff; of the same week there is one."""
    recipient = f"staff:{user_id}"
    waiting = put_out(
        conn,
        community_id=community_id,
        kind="digest",
        recipient=recipient,
        message_id=_message_id(service, f"digest-{week}-{user_id}", recipient),
        at=datetime.now(UTC),
    )
    _put(service, conn, waiting)


def ask_address(
    service: Service, conn: sa.Connection, community_id: int, author_id: int, address: str, frequency: Frequency
) -> None:
    """Keep the address of a contributor and ask there whether it is theirs; nothing else goes there before."""
    now = datetime.now(UTC)
    save_address(conn, service.vault, author_id, address, frequency, now)
    _put_to_contributor(service, conn, community_id, author_id, "verify", f"{now.timestamp():.0f}")


def mail_link(service: Service, conn: sa.Connection, community_id: int, author_id: int) -> None:
    """Send an author a fresh link to their own page, to the address that they confirmed."""
    asked = f"{datetime.now(UTC).timestamp():.0f}"
    _put_to_contributor(service, conn, community_id, author_id, "link", asked)


def send_mail(service: Service, subject: str) -> None:
    """Send the mail of an outbox row, named `<id>.<round>`; raise Again where the server may take it later."""
    outbox_id = int(subject.partition(".")[0])
    with writing(service.db, patient=True) as conn:
        ready = _ready(service, conn, outbox_id)
    if ready is None:
        return
    waiting, mail = ready
    try:
        CHANNELS["email"](service.post, mail)
    except DeliveryError as error:
        _record_failure(service, waiting.id, error)
        return
    with writing(service.db, patient=True) as conn:
        _record_sent(service, conn, waiting)
    log.info("mail.sent", outbox=waiting.id, kind=waiting.kind)


def give_up(service: Service, subject: str) -> None:
    """Record that a mail was tried for days and never taken."""
    with writing(service.db, patient=True) as conn:
        reason = "the mail server did not take it in five days"
        mark_mail(conn, int(subject.partition(".")[0]), "failed", at=datetime.now(UTC), reason=reason)


def _put(service: Service, conn: sa.Connection, waiting: Waiting | None, *, delay: float = 0) -> None:
    if waiting:
        service.jobs.enqueue(conn, "send_mail", f"{waiting.id}.{waiting.round}", queue="mail", delay=delay)


def _put_to_contributor(
    service: Service,
    conn: sa.Connection,
    community_id: int,
    author_id: int,
    kind: MailKind,
    occasion: str,
    *,
    up_to: int | None = None,
    insight_id: int | None = None,
    delay: float = 0,
) -> None:
    waiting = put_out(
        conn,
        community_id=community_id,
        insight_id=insight_id,
        author_id=author_id,
        kind=kind,
        recipient=CONTRIBUTOR,
        message_id=_message_id(service, f"{kind}-{author_id}-{occasion}", CONTRIBUTOR),
        up_to=up_to,
        at=datetime.now(UTC),
    )
    _put(service, conn, waiting, delay=delay)


def _ready(service: Service, conn: sa.Connection, outbox_id: int) -> tuple[Waiting, Mail] | None:
    waiting = waiting_mail(conn, outbox_id)
    if waiting is None or waiting.status not in ("waiting", "sending"):
        return None
    mail = mail_for(service, conn, waiting)
    if isinstance(mail, Withheld):
        mark_mail(conn, outbox_id, "withheld", at=datetime.now(UTC), reason=mail.reason)
        return None
    # A row that is already being sent was cut off between the server's answer and our note of it.
    mark_mail(conn, outbox_id, "sending", may_be_double=waiting.status == "sending")
    return waiting, mail


def _record_sent(service: Service, conn: sa.Connection, waiting: Waiting) -> None:
    now = datetime.now(UTC)
    mark_mail(conn, waiting.id, "sent", at=now)
    if waiting.kind == "news" and waiting.author_id:
        mark_told(conn, waiting.author_id, waiting.up_to or 0, now)
    if waiting.kind in ("forward", "urgent"):
        _look_back(service, conn, waiting)


def _look_back(service: Service, conn: sa.Connection, waiting: Waiting) -> None:
    """Call a mail back whose basis went while the server was taking it."""
    sendings = sendings_of(conn, [waiting.insight_id], "forward") if waiting.insight_id else {}
    for insight_id, sending in sendings.items():
        basis = basis_for(sending)
        if isinstance(basis, Withheld) and basis.is_final:
            call_back(service, conn, [insight_id])


def _message_id(service: Service, about: str, recipient: str) -> str:
    # The same mail has the same id however often it is sent; the keyed digest keeps ids of two databases apart.
    digest = hmac.digest(service.vault.key_for("message ids"), f"{about} {recipient}".encode(), "sha256").hex()[:16]
    return f"<{about}-{digest}@{urlsplit(service.public_url).hostname}>"


def _record_failure(service: Service, outbox_id: int, error: DeliveryError) -> None:
    over = datetime.now(UTC) if error.permanent else None
    with writing(service.db, patient=True) as conn:
        mark_mail(conn, outbox_id, "failed" if error.permanent else "waiting", at=over, reason=str(error))
    log.warning("mail.refused", outbox=outbox_id, permanent=error.permanent)
    if not error.permanent:
        raise Again(str(error))
