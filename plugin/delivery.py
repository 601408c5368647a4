"""Carry out what was decided: put a mail up for sending, and send it once it is due."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog

from plugin.basis import Sending, Withheld, basis_for
from plugin.channels import CHANNELS
from plugin.channels.email import DeliveryError, Mail
from plugin.engine import Again
from plugin.forwarding import ForwardedCopy, forwarded_copy
from plugin.model import Evidence
from plugin.privacy import personal_data_in
from plugin.rendering import rendered
from plugin.service import Service
from plugin.store.communities import Community, community_by_id
from plugin.store.insights import (
    InsightStanding,
    Kind,
    StoredInsight,
    Waiting,
    insight_by_id,
    mark_mail,
    put_out,
    standing_of,
    waiting_mail,
)
from plugin.store.opening import writing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Letter:
    """How a kind of mail is addressed and worded, where its page is, and whether it waits before it may go."""

    template: str
    subject: str
    place: str
    waits: bool


def put_up(service: Service, conn: sa.Connection, community: Community, insight_id: int) -> None:
    """Put the mail up that an insight calls for now, if any; the basis is asked again when it is sent."""
    standing = standing_of(conn, insight_id)
    kind: Kind = "urgent" if standing.is_urgent else "forward"
    if isinstance(basis_for(_sending(standing, community, kind)), Withheld):
        return
    recipient = community.moderators_address if kind == "urgent" else community.editorial_address
    message_id = _message_id(service, (insight_id, kind), recipient)
    waiting = put_out(conn, insight_id, kind, recipient, message_id, datetime.now(UTC))
    if waiting:
        delay = community.wait_minutes * 60 if LETTERS[kind].waits else 0
        service.jobs.enqueue(conn, "send_mail", f"{waiting.id}.{waiting.round}", queue="mail", delay=delay)


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
        mark_mail(conn, waiting.id, "sent", at=datetime.now(UTC))
    log.info("mail.sent", outbox=waiting.id, kind=waiting.kind)


def copy_of(found: StoredInsight, public_url: str) -> ForwardedCopy:
    """Return what the mail about an insight says: the same for the mail and for the page that shows it."""
    stored = found.stored
    return forwarded_copy(
        comment=stored.comment,
        tags=stored.tags,
        evidence=_evidence(found),
        kind=stored.insight.kind if stored.insight else "none",
        personal_data=personal_data_in(stored.comment.text, known_names=found.names),
        discussion=found.discussion.discussion,
        desk_url=f"{public_url}/{LETTERS[found.kind].place}/{found.id}",
    )


def give_up(service: Service, subject: str) -> None:
    """Record that a mail was tried for days and never taken."""
    with writing(service.db, patient=True) as conn:
        reason = "the mail server did not take it in five days"
        mark_mail(conn, int(subject.partition(".")[0]), "failed", at=datetime.now(UTC), reason=reason)


def _ready(service: Service, conn: sa.Connection, outbox_id: int) -> tuple[Waiting, Mail] | None:
    waiting = waiting_mail(conn, outbox_id)
    if waiting is None or waiting.status not in ("waiting", "sending"):
        return None
    community = community_by_id(conn, waiting.community_id)
    found = insight_by_id(conn, outbox_id)
    if community is None:
        return None
    basis = basis_for(_sending(standing_of(conn, waiting.insight_id), community, waiting.kind))
    if isinstance(basis, Withheld) or found is None:
        reason = basis.reason if isinstance(basis, Withheld) else "the comment is gone"
        mark_mail(conn, outbox_id, "withheld", at=datetime.now(UTC), reason=reason)
        return None
    # A row that is already being sent was cut off between the server's answer and our note of it.
    mark_mail(conn, outbox_id, "sending", may_be_double=waiting.status == "sending")
    return waiting, _mail(service, waiting, found)


def _mail(service: Service, waiting: Waiting, found: StoredInsight) -> Mail:
    letter = LETTERS[waiting.kind]
    copy = copy_of(found, service.public_url)
    return Mail(
        recipient=waiting.recipient,
        subject=letter.subject.format(title=copy.discussion_title),
        text=rendered(f"mail/{letter.template}.txt", copy=copy),
        html=rendered(f"mail/{letter.template}.html", copy=copy),
        message_id=waiting.message_id,
    )


def _sending(standing: InsightStanding, community: Community, kind: Kind) -> Sending:
    return Sending(
        kind=kind,
        state=standing.comment_state,
        source=standing.source,
        audience=standing.audience,
        forwarding=community.forwarding,
        is_insight=standing.is_insight,
        is_urgent=standing.is_urgent,
    )


def _message_id(service: Service, waiting_for: tuple[int, Kind], recipient: str) -> str:
    # The same mail has the same id however often it is sent; the keyed digest keeps ids of two databases apart.
    insight_id, kind = waiting_for
    told = f"{insight_id} {kind} {recipient}".encode()
    digest = hmac.digest(service.vault.key_for("message ids"), told, "sha256").hex()[:16]
    return f"<insight-{insight_id}-{kind}-{digest}@{urlsplit(service.public_url).hostname}>"


def _evidence(found: StoredInsight) -> tuple[Evidence, ...]:
    about = found.stored.urgency if found.kind == "urgent" else found.stored.insight
    return about.evidence if about else ()


def _record_failure(service: Service, outbox_id: int, error: DeliveryError) -> None:
    over = datetime.now(UTC) if error.permanent else None
    with writing(service.db, patient=True) as conn:
        mark_mail(conn, outbox_id, "failed" if error.permanent else "waiting", at=over, reason=str(error))
    log.warning("mail.refused", outbox=outbox_id, permanent=error.permanent)
    if not error.permanent:
        raise Again(str(error))


LETTERS: dict[Kind, Letter] = {
    # The subject says nothing of who speaks: it shows on a lock screen (RULINGS).
    "forward": Letter("new_insight", "New insight: {title}", "desk/insights", waits=True),
    "urgent": Letter("urgent", "Please look now: {title}", "moderators/urgent", waits=False),
}
