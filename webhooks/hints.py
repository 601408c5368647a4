"""The door for forums that sign nothing: a secret address, and nothing is believed but that something happened."""

import hmac
import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from plugin.forums.invision import Unreadable
from plugin.forums.polled import Hint
from plugin.sealing import CannotUnseal
from plugin.store.communities import Community, community_by_slug
from plugin.store.connections import Connection, connection_of
from plugin.store.events import save_dead_letter
from plugin.store.opening import reading, writing
from webhooks.audience import signed_door
from webhooks.forums.invision import HEADER, hint_from
from webhooks.json_border import BadJson, json_object
from webhooks.wiring import service

MOST_BYTES = 256 * 1024
PURPOSE = "hints"
# Takes the place of a missing token, so that an unknown community costs the same time as a known one.
NOBODYS_TOKEN = "0" * 43

log = structlog.get_logger()
hints = Blueprint("hints", __name__, url_prefix="/webhooks")


@hints.post("/invision/<community>/<token>")
@signed_door
def receive(community: str, token: str) -> tuple[Response, int]:
    """Take a hint: 202 once its job is stored, whatever else the body says; it comes once and is not tried again."""
    # The bytes first: a forum may call them a form, and reading that would lose them.
    body = _body()
    if body is None:
        return jsonify(error=f"the body is larger than {MOST_BYTES // 1024} KiB"), 413
    sender = _sender(community, token)
    if sender is None:
        log.info("hint.refused")
        return jsonify(error="not an address that we gave"), 401
    try:
        hint = hint_from(request.headers.get(HEADER, ""), json_object(body))
    except (BadJson, Unreadable) as error:
        _bury(sender, body, type(error).__name__)
        return jsonify(status="accepted"), 202
    if hint:
        _store(sender, hint)
    return jsonify(status="accepted"), 202


def _body() -> bytes | None:
    request.max_content_length = MOST_BYTES
    try:
        return request.get_data(cache=True, parse_form_data=False)
    except RequestEntityTooLarge:
        return None
    except ClientDisconnected:
        return b""


def _sender(slug: str, token: str) -> Community | None:
    """Return the community whose secret address this is, and whose key came along where one was agreed."""
    with reading(service().db) as conn:
        community = community_by_slug(conn, slug)
        connection = _connection(conn, community)
    keys = connection.keys if connection else {}
    is_known = hmac.compare_digest(keys.get("path_token", NOBODYS_TOKEN).encode(), token.encode())
    agreed = keys.get("basic_key", "")
    sent = request.authorization.username if request.authorization and request.authorization.type == "basic" else ""
    has_key = hmac.compare_digest(agreed.encode(), (sent or "").encode()) or not agreed
    has_token = bool(keys.get("path_token"))
    return community if is_known and has_token and has_key and community and community.platform == "invision" else None


def _connection(conn: sa.Connection, community: Community | None) -> Connection | None:
    try:
        return connection_of(conn, service().vault, community.id) if community else None
    except CannotUnseal:
        log.error("secret.unreadable", hint="MANYVOICES_SECRET_KEY_FALLBACKS")
        return None


def _store(sender: Community, hint: Hint) -> None:
    # A hint has no id of its own, and two of the same kind may be two things: each is read.
    subject = f"{sender.id}.{hint.kind}.{hint.native_id}.{uuid.uuid4().hex}"
    with writing(service().db) as conn:
        service().jobs.enqueue(conn, "read_forum", subject, queue="forums")
    log.info("hint.stored", subject=subject)


def _bury(sender: Community, body: bytes, why: str) -> None:
    """Write down that something came which we could not read, and nothing of what it was."""
    digest = hmac.digest(service().vault.key_for(PURPOSE), body, "sha256").hex()
    with writing(service().db) as conn:
        save_dead_letter(conn, sender.id, f"invision:{sender.slug}:unreadable:{digest}", datetime.now(UTC))
    log.warning("hint.unreadable", community=sender.slug, error=why)
