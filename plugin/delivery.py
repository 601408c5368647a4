"""Carry out what was decided: put a mail up for sending, send it once it is due, and call it back."""

import hmac
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog

from plugin.basis import Basis, Withheld, basis_for, basis_on_desk
from plugin.channels import CHANNELS
from plugin.channels.email import DeliveryError, Mail
from plugin.engine import Again
from plugin.letters import digest_ends, enclosed_by, mail_for
from plugin.service import Service
from plugin.store.addresses import Frequency, mark_told, save_address
from plugin.store.communities import Community
from plugin.store.desk import Item, put_on_desk
from plugin.store.desk_letters import mark_desk_told
from plugin.store.insights import Kind, sendings_of
from plugin.store.opening import writing
from plugin.store.outbox import (
    CONTRIBUTOR,
    STAFF,
    MailKind,
    Status,
    Waiting,
    enclosed_in,
    mails_about,
    mark_mail,
    put_out,
    recipients_of,
    revive_mail,
    waiting_mail,
)
from plugin.store.receivers import PREFIX as RECEIVER
from plugin.store.routes import is_heard_by_more
from plugin.store.steps import last_step_of

# Copies of the words, or of what they are about, that went to the editors and to the programs they chose.
TO_EDITORS: tuple[MailKind, ...] = ("forward", "enclosed", "insight.new")
CARRY_WORDS: tuple[MailKind, ...] = (*TO_EDITORS, "urgent")

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
    if is_heard_by_more(conn, community.id):
        service.jobs.enqueue(conn, "hand_out", f"{insight_id}.{datetime.now(UTC).timestamp()}", queue="ingest")
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
        delay=wait_for(community, basis) if kind == "forward" else 0,
    )


def wait_for(community: Community, basis: Basis) -> int:
    """Return the seconds before words may go: their author may change their mind; one who was asked has made it up."""
    return community.wait_minutes * 60 if basis == "notice" else 0


def forward_to(service: Service, conn: sa.Connection, community: Community, insight_id: int, user_id: int) -> None:
    """Put up a copy of an insight for one editor, or nothing where it is withheld; there is one copy for each."""
    basis = basis_for(sendings_of(conn, [insight_id], "forward")[insight_id])
    if not isinstance(basis, Withheld):
        recipient = f"{STAFF}{user_id}"
        waiting = put_out(
            conn,
            community_id=community.id,
            insight_id=insight_id,
            kind="forward",
            recipient=recipient,
            message_id=_message_id(service, f"insight-{insight_id}-forward", recipient),
            at=datetime.now(UTC),
        )
        _put(service, conn, waiting, delay=wait_for(community, basis))


def tell_receiver(
    service: Service, conn: sa.Connection, community: Community, insight_id: int, receiver_id: int
) -> None:
    """Put up that there is an insight, for one program; nothing where it is withheld."""
    basis = basis_for(sendings_of(conn, [insight_id], "forward")[insight_id])
    if not isinstance(basis, Withheld):
        _put_webhook(
            service,
            conn,
            community.id,
            "insight.new",
            f"{RECEIVER}{receiver_id}",
            f"insight-{insight_id}-new",
            insight_id=insight_id,
            up_to=insight_id,
            delay=wait_for(community, basis),
        )


def tell_step(service: Service, conn: sa.Connection, item: Item) -> None:
    """Put up where an insight stands now, for each program that has it."""
    for recipient in recipients_of(conn, item.id, "insight.new", "sent"):
        about = f"insight-{item.id}-step-{item.version}"
        _put_webhook(
            service, conn, item.community_id, "insight.step", recipient, about, insight_id=item.id, up_to=item.id
        )


def tell_staff(service: Service, conn: sa.Connection, kind: MailKind, item: Item, user_id: int, occasion: str) -> None:
    """Put up a mail without words about one insight (`assigned`, `reopened`, `woken`, `routed`): one an occasion."""
    about = f"insight-{item.id}-{kind}-{occasion}"
    _put_to_staff(service, conn, item.community_id, user_id, kind, about, datetime.now(UTC), insight_id=item.id)


def put_desk_digest(
    service: Service, conn: sa.Connection, community_id: int, user_id: int, period: str, at: datetime
) -> None:
    """Put up an editor's digest; of the same period there is one."""
    _put_to_staff(service, conn, community_id, user_id, "desk_digest", f"desk-digest-{period}-{user_id}", at)


def try_again(service: Service, conn: sa.Connection, failed: Waiting, at: datetime) -> bool:
    """Put up once more what could not be sent, under the same id; return False where it waits or went meanwhile."""
    if not revive_mail(conn, failed.id):
        return False
    subject = f"{failed.id}.{failed.round}.{at.timestamp()}"
    if failed.channel == "webhook":
        lane = failed.recipient.removeprefix(RECEIVER)
        service.jobs.enqueue(conn, "send_webhook", f"{lane}.{subject}", queue="webhooks")
    else:
        service.jobs.enqueue(conn, "send_mail", subject, queue="mail")
    return True


def call_back(
    service: Service, conn: sa.Connection, insight_ids: Collection[int], kinds: Collection[MailKind] = TO_EDITORS
) -> None:
    """Ask everybody who got the words of these insights, by mails of these kinds, to delete them."""
    for sent in mails_about(conn, insight_ids, kinds, "sent"):
        mark_mail(conn, sent.id, "recalled", reason="its author took it back")
        if sent.channel == "webhook":
            call_webhook_back(service, conn, sent)
            continue
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


def call_webhook_back(service: Service, conn: sa.Connection, sent: Waiting) -> None:
    """Tell a program that what it was told, or may have been told, was taken back."""
    _put_webhook(
        service,
        conn,
        sent.community_id,
        "insight.recalled",
        sent.recipient,
        f"recall-{sent.id}-{sent.round}",
        insight_id=sent.insight_id,
        recalls_id=sent.id,
        up_to=sent.up_to,
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
    about = f"digest-{week}-{user_id}"
    _put_to_staff(service, conn, community_id, user_id, "digest", about, datetime.now(UTC))


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


def _put_to_staff(
    service: Service,
    conn: sa.Connection,
    community_id: int,
    user_id: int,
    kind: MailKind,
    about: str,
    at: datetime,
    *,
    insight_id: int | None = None,
) -> None:
    recipient = f"{STAFF}{user_id}"
    waiting = put_out(
        conn,
        community_id=community_id,
        insight_id=insight_id,
        kind=kind,
        recipient=recipient,
        message_id=_message_id(service, about, recipient),
        at=at,
    )
    _put(service, conn, waiting)


def _put_webhook(
    service: Service,
    conn: sa.Connection,
    community_id: int,
    kind: MailKind,
    recipient: str,
    about: str,
    *,
    insight_id: int | None,
    up_to: int | None,
    recalls_id: int | None = None,
    delay: float = 0,
) -> None:
    waiting = put_out(
        conn,
        community_id=community_id,
        insight_id=insight_id,
        recalls_id=recalls_id,
        kind=kind,
        channel="webhook",
        recipient=recipient,
        # Standard Webhooks sign the id together with dots: it has none of its own.
        message_id=f"mv_{about}-{_keyed(service, about, recipient)}",
        up_to=up_to,
        at=datetime.now(UTC),
    )
    if waiting:
        subject = f"{recipient.removeprefix(RECEIVER)}.{waiting.id}.{waiting.round}"
        service.jobs.enqueue(conn, "send_webhook", subject, queue="webhooks", delay=delay)


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
    if waiting.kind == "desk_digest":
        _note_enclosed(service, conn, waiting)
    return waiting, mail


def _record_sent(service: Service, conn: sa.Connection, waiting: Waiting) -> None:
    now = datetime.now(UTC)
    mark_mail(conn, waiting.id, "sent", at=now)
    if waiting.kind == "news" and waiting.author_id:
        mark_told(conn, waiting.author_id, waiting.up_to or 0, now)
    if waiting.kind in ("forward", "urgent"):
        look_back(service, conn, waiting)
    if waiting.kind == "desk_digest":
        mark_desk_told(conn, int(waiting.recipient.removeprefix(STAFF)), digest_ends(conn, waiting))
        for copy in enclosed_in(conn, waiting.id):
            mark_mail(conn, copy.id, "sent", at=now)
            look_back(service, conn, copy)


def _note_enclosed(service: Service, conn: sa.Connection, waiting: Waiting) -> None:
    # Before it goes: what a mail may have carried can be called back, however it ends.
    for insight_id in enclosed_by(service, conn, waiting):
        about = f"insight-{insight_id}-in-{waiting.id}"
        put_out(
            conn,
            community_id=waiting.community_id,
            insight_id=insight_id,
            recalls_id=waiting.id,
            kind="enclosed",
            recipient=waiting.recipient,
            message_id=_message_id(service, about, waiting.recipient),
            at=waiting.created_at,
        )


def look_back(service: Service, conn: sa.Connection, waiting: Waiting) -> None:
    """Call something back whose basis went while it was being taken."""
    sendings = sendings_of(conn, [waiting.insight_id], "forward") if waiting.insight_id else {}
    for insight_id, sending in sendings.items():
        basis = basis_for(sending)
        if isinstance(basis, Withheld) and basis.is_final:
            call_back(service, conn, [insight_id])


def _message_id(service: Service, about: str, recipient: str) -> str:
    # The same mail has the same id however often it is sent; the keyed digest keeps ids of two databases apart.
    return f"<{about}-{_keyed(service, about, recipient)}@{urlsplit(service.public_url).hostname}>"


def _keyed(service: Service, about: str, recipient: str) -> str:
    key = service.vault.key_for("message ids")
    return hmac.digest(key, f"{about} {recipient}".encode(), "sha256").hex()[:16]


def _record_failure(service: Service, outbox_id: int, error: DeliveryError) -> None:
    over = datetime.now(UTC) if error.permanent else None
    with writing(service.db, patient=True) as conn:
        status: Status = "failed" if error.permanent else "waiting"
        mark_mail(conn, outbox_id, status, at=over, reason=str(error), may_be_double=error.is_unsure)
    log.warning("mail.refused", outbox=outbox_id, permanent=error.permanent)
    if not error.permanent:
        raise Again(str(error))
