"""Tell programs of insights by signed webhooks: docs/webhooks-out.md has the form.

At least once: what may or may not have arrived comes again under the same id. What it says is read at the moment of
sending, and the words only go where their author agreed that they may be passed on.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog

from plugin.basis import Withheld, basis_for
from plugin.channels import webhook
from plugin.channels.webhook import Message, NotTaken, Receiver
from plugin.consent import allows
from plugin.delivery import call_webhook_back, look_back
from plugin.engine import Again
from plugin.letters import copy_of
from plugin.service import Service
from plugin.store.communities import community_by_id
from plugin.store.insights import StoredInsight, insight_by_id
from plugin.store.opening import writing
from plugin.store.outbox import Waiting, mark_mail, waiting_mail
from plugin.store.receivers import key_of, receiver_by_id, stop_receiver
from plugin.store.routes import themes_of

# Why a message has no words, for programs.
NO_CONSENT = "no_consent"

log = structlog.get_logger()


def send_webhook(service: Service, subject: str) -> None:
    """Tell a program one thing, named `<receiver>.<row>.<round>…`; raise Again where it may be taken later."""
    lane, outbox_id = subject.split(".")[:2]
    with writing(service.db, patient=True) as conn:
        ready = _ready(service, conn, int(lane), int(outbox_id))
    if ready is None:
        return
    waiting, receiver, message = ready
    service.pace.wait(f"receiver:{lane}")
    try:
        webhook.send(receiver, message)
    except NotTaken as error:
        _record_failure(service, waiting, int(lane), error)
        return
    with writing(service.db, patient=True) as conn:
        mark_mail(conn, waiting.id, "sent", at=datetime.now(UTC))
        if waiting.kind == "insight.new":
            look_back(service, conn, waiting)
    log.info("webhook.sent", outbox=waiting.id, type=waiting.kind)


def give_up(service: Service, subject: str) -> None:
    """Record that a program did not take something in days."""
    with writing(service.db, patient=True) as conn:
        reason = "the receiver did not take it in five days"
        mark_mail(conn, int(subject.split(".")[1]), "failed", at=datetime.now(UTC), reason=reason)


def _ready(
    service: Service, conn: sa.Connection, receiver_id: int, outbox_id: int
) -> tuple[Waiting, Receiver, Message] | None:
    waiting = waiting_mail(conn, outbox_id)
    if waiting is None or waiting.status not in ("waiting", "sending"):
        return None
    now = datetime.now(UTC)
    receiver, community = receiver_by_id(conn, receiver_id), community_by_id(conn, waiting.community_id)
    if receiver is None or community is None:
        mark_mail(conn, outbox_id, "withheld", at=now, reason="the receiver was removed")
        return None
    if receiver.stopped_at:
        mark_mail(conn, outbox_id, "failed", at=now, reason="the receiver refused us before, and was stopped")
        return None
    data = _data(service, conn, waiting)
    if isinstance(data, Withheld):
        mark_mail(conn, outbox_id, "withheld", at=now, reason=data.reason)
        if data.is_final and waiting.kind == "insight.new" and (waiting.status == "sending" or waiting.reason):
            # It was tried before, so the program may have it all the same.
            call_webhook_back(service, conn, waiting)
        return None
    mark_mail(conn, outbox_id, "sending", reason=waiting.reason, may_be_double=waiting.status == "sending")
    message_id = waiting.message_id if waiting.round == 1 else f"{waiting.message_id}-{waiting.round}"
    to = Receiver(receiver.url, key_of(conn, service.vault, receiver.id), community.private_host)
    return waiting, to, Message(message_id, waiting.kind, waiting.created_at, data)


def _data(service: Service, conn: sa.Connection, waiting: Waiting) -> dict[str, Any] | Withheld:
    if waiting.kind == "insight.recalled":
        return {"insight": {"id": waiting.up_to}}
    found = insight_by_id(conn, service.vault, waiting.id)
    if found is None:
        return Withheld("the comment is gone", is_final=True)
    basis = basis_for(found.sending)
    if isinstance(basis, Withheld):
        return basis
    told = _told(service, conn, found)
    return told if waiting.kind == "insight.step" else told | _words(service, found)


def _told(service: Service, conn: sa.Connection, found: StoredInsight) -> dict[str, Any]:
    comment_id = found.stored.id
    wants_no_credit = found.credit is not None and found.credit.kind == "none"
    # As in a mail: what somebody said elsewhere does not travel, nor anything of who wants no credit.
    tags = [tag for tag in found.stored.tags if tag.source != "earlier" and tag.status != "removed"]
    discussion = found.discussion.discussion
    return {
        "insight": {
            "id": found.insight_id,
            "kind": found.stored.insight.kind if found.stored.insight else "none",
            "state": found.state,
            "types": [] if wants_no_credit else [{"type": tag.type, "source": tag.source} for tag in tags],
            "themes": themes_of(conn, [comment_id])[comment_id],
            "url": f"{service.public_url}/desk/insights/{found.insight_id}",
        },
        "discussion": {"title": discussion.title, "url": discussion.url},
    }


def _words(service: Service, found: StoredInsight) -> dict[str, Any]:
    # A program is not the community's own editor: that the words are public is not enough for it.
    if not allows(found.sending.receipts, "forward"):
        return {"words": None, "no_words": NO_CONSENT}
    # "Just as I wrote it" was said to the editors alone.
    receipts = tuple(receipt for receipt in found.sending.receipts if receipt.purpose != "details")
    copy = copy_of(replace(found, sending=replace(found.sending, receipts=receipts)), service.public_url)
    return {"words": "".join(words for words, _ in copy.segments), "no_words": None}


def _record_failure(service: Service, waiting: Waiting, receiver_id: int, error: NotTaken) -> None:
    now = datetime.now(UTC)
    reason = str(error).replace("the forum", "the receiver")
    with writing(service.db, patient=True) as conn:
        if error.is_refusal:
            stop_receiver(conn, receiver_id, reason, now)
        over = now if error.permanent else None
        mark_mail(conn, waiting.id, "failed" if error.permanent else "waiting", at=over, reason=reason)
    log.warning("webhook.refused", outbox=waiting.id, permanent=error.permanent, reason=reason)
    if not error.permanent:
        raise Again(reason, after=error.after)
