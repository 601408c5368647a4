"""The door: bytes come in, are verified, parsed and stored together with their job; then 202."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, ServiceUnavailable

from plugin.events import Event, is_private
from plugin.forums.standard import BadPayload
from plugin.store.communities import Community, community_by_slug, live_secrets
from plugin.store.events import Received, received, save_event
from plugin.store.opening import reading, writing
from plugin.store.outcomes import outcome_of
from webhooks.audience import signed_door
from webhooks.forums import RECEIVERS, Receiver
from webhooks.json_border import BadJson, json_object
from webhooks.pages import say_plainly
from webhooks.signatures import verified
from webhooks.wiring import service

MOST_BYTES = 256 * 1024
# What somebody is told to wait where the database is busy or full; senders retry on their own schedule.
RETRY_AFTER = 30

log = structlog.get_logger()
door = Blueprint("door", __name__, url_prefix="/webhooks")


@door.post("/<platform>/<community>")
@signed_door
def receive(platform: str, community: str) -> tuple[Response, int] | Response:
    """Take one delivery: 202 once it is stored, or a plain refusal that says what is wrong."""
    body = _body()
    if body is None:
        return _refusal(413, f"the body is larger than {MOST_BYTES // 1024} KiB")
    receiver = RECEIVERS.get(platform)
    sender, delivery_id = _signer(receiver, community, body)
    if receiver is None or sender is None or delivery_id is None:
        return _unsigned()
    if not _is_json():
        return _refusal(415, "the content type must be application/json, in UTF-8 and not compressed")
    try:
        event = receiver.event_from(json_object(body), community=sender.slug, delivery_id=delivery_id)
    except BadJson as error:
        return _refusal(error.status, error.reason, field=error.field)
    except BadPayload as error:
        return _refusal(error.status, "some fields are missing or wrong", fields=error.fields)
    if not is_private(event):
        _store(sender, event)
    return jsonify(status="accepted", delivery=delivery_id), 202


@door.get("/<platform>/<community>/deliveries/<delivery_id>")
@signed_door
def delivery(platform: str, community: str, delivery_id: str) -> tuple[Response, int] | Response:
    """Say what became of a delivery. The request is signed like a delivery, over its id and an empty body."""
    receiver = RECEIVERS.get(platform)
    sender, signed_id = _signer(receiver, community, b"")
    if sender is None or signed_id != delivery_id:
        return _unsigned()
    with reading(service().db) as conn:
        found = received(conn, f"{platform}:{sender.slug}:{delivery_id}")
        if found is None:
            return _refusal(404, "no delivery of this id was stored")
        return jsonify(_account(conn, found, delivery_id))


@door.app_errorhandler(sa.exc.OperationalError)
def busy(error: sa.exc.OperationalError) -> Response:
    """Ask to be tried again where the database is full, locked or gone: nothing was stored."""
    log.error("database.unavailable", error=type(error.orig).__name__)
    return say_plainly(ServiceUnavailable(retry_after=RETRY_AFTER))


def _body() -> bytes | None:
    request.max_content_length = MOST_BYTES
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        return None
    except ClientDisconnected:
        return b""


def _signer(receiver: Receiver | None, slug: str, body: bytes) -> tuple[Community | None, str | None]:
    """Return the community whose key fits and the signed delivery id; the work is the same where there is none."""
    now = datetime.now(UTC)
    sender, secrets = _secrets(slug, now)
    verdict = verified((receiver or RECEIVERS["standard"]).profile, request.headers, body, secrets, now.timestamp())
    if not verdict.ok:
        log.info("delivery.refused", reason=verdict.refusal)
        return None, None
    return sender, verdict.delivery_id


def _secrets(slug: str, now: datetime) -> tuple[Community | None, Sequence[bytes]]:
    with reading(service().db) as conn:
        community = community_by_slug(conn, slug)
        return community, live_secrets(conn, service().vault, community.id, now) if community else ()


def _is_json() -> bool:
    kind = re.fullmatch(
        r"application/json\s*(;\s*charset=\"?utf-8\"?\s*)?", request.headers.get("Content-Type", ""), re.I
    )
    plain = request.headers.get("Content-Encoding", "identity").lower() == "identity"
    return bool(kind) and plain and len(request.headers.getlist("Content-Type")) == 1


def _store(sender: Community, event: Event) -> None:
    with writing(service().db) as conn:
        is_new = save_event(conn, sender.id, event, datetime.now(UTC))
        if is_new:
            service().jobs.enqueue(conn, "handle_event", event.key, queue="ingest")
    log.info("delivery.stored" if is_new else "delivery.repeated", key=event.key)


def _account(conn: sa.Connection, found: Received, delivery_id: str) -> dict[str, object]:
    return {
        "delivery": delivery_id,
        "status": found.status,
        "received_at": found.received_at.isoformat(),
        "outcome": outcome_of(conn, found.comment_id) if found.comment_id else {},
    }


def _unsigned() -> tuple[Response, int]:
    return _refusal(401, "not signed by a key we know")


def _refusal(status: int, error: str, **details: object) -> tuple[Response, int]:
    told = {name: value for name, value in details.items() if value}
    return jsonify(error=error, **told), status
