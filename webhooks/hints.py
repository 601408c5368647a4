"""The door for forums that we ask: what comes is a hint at what to read, and as good as the proof of who sent it."""

import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog
from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from plugin.events import Event
from plugin.forums.lenient import Unreadable
from plugin.forums.polled import Hint
from plugin.sealing import CannotUnseal
from plugin.store.communities import Community, community_by_slug, live_secrets
from plugin.store.connections import Connection, connection_of
from plugin.store.events import save_dead_letter, save_event
from plugin.store.opening import reading, writing
from webhooks.audience import signed_door
from webhooks.forums import HINTERS, Delivery
from webhooks.json_border import BadJson, json_object
from webhooks.signatures import Profile, as_written, verified
from webhooks.wiring import service

MOST_BYTES = 256 * 1024
PURPOSE = "hints"
# Takes the place of a missing token, so that an unknown community costs the same time as a known one.
NOBODYS_TOKEN = "0" * 43

log = structlog.get_logger()
hints = Blueprint("hints", __name__, url_prefix="/webhooks")


@dataclass(frozen=True, slots=True)
class Sender:
    """The community that proved to have sent something, and its connection: None before there is one."""

    community: Community
    connection: Connection | None


@signed_door
def receive(platform: str, community: str, token: str = "") -> tuple[Response, int]:
    """Take a hint: 202 once its job is stored, whatever else the body says; it may come once and never again.

    Never 404 or 410: some forums take these for a reason to switch their hook off.
    """
    # The bytes first: a forum may call them a form, and reading that would lose them.
    body = _body()
    if body is None:
        return jsonify(error=f"the body is larger than {MOST_BYTES // 1024} KiB"), 413
    hinter = HINTERS[platform]
    sender = _signer(hinter.profile, community, body) if hinter.profile else _keeper(community, token)
    if sender is None or sender.community.platform != platform:
        log.info("hint.refused")
        return jsonify(error="not signed by a key we know" if hinter.profile else "not an address that we gave"), 401
    if sender.connection is None:
        # Its own records show that it was not taken, and from there it can be sent again.
        return jsonify(error="not connected yet: manyvoices community connect"), 503
    about, settings = sender.community, sender.connection.settings
    delivery = Delivery(about.slug, about.base_url, settings, request.headers, datetime.now(UTC))
    try:
        found = hinter.meaning(delivery, json_object(body))
    except (BadJson, Unreadable) as error:
        _bury(sender.community, body, type(error).__name__)
        return jsonify(status="accepted"), 202
    _store(sender.community, found)
    return jsonify(status="accepted"), 202


for name, one in HINTERS.items():
    rule = f"/{name}/<community>" if one.profile else f"/{name}/<community>/<token>"
    hints.add_url_rule(rule, endpoint=name, view_func=receive, defaults={"platform": name}, methods=["POST"])


def _body() -> bytes | None:
    request.max_content_length = MOST_BYTES
    try:
        return request.get_data(cache=True, parse_form_data=False)
    except RequestEntityTooLarge:
        return None
    except ClientDisconnected:
        return b""


def _signer(profile: Profile, slug: str, body: bytes) -> Sender | None:
    """Return the community whose key fits."""
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        community = community_by_slug(conn, slug)
        secrets = live_secrets(conn, service().vault, community.id, now) if community else ()
        connection = _connection(conn, community)
    verdict = verified(profile, request.headers, body, [as_written(key) for key in secrets], now.timestamp())
    return Sender(community, connection) if verdict.ok and community else None


def _keeper(slug: str, token: str) -> Sender | None:
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
    return Sender(community, connection) if is_known and has_token and has_key and community else None


def _connection(conn: sa.Connection, community: Community | None) -> Connection | None:
    try:
        return connection_of(conn, service().vault, community.id) if community else None
    except CannotUnseal:
        log.error("secret.unreadable", hint="MANYVOICES_SECRET_KEY_FALLBACKS")
        return None


def _store(sender: Community, found: Sequence[Hint | Event]) -> None:
    with writing(service().db) as conn:
        for one in found:
            if isinstance(one, Hint):
                # A hint has no id of its own, and two of the same kind may be two things: each is read.
                subject = f"{sender.id}.{one.kind}.{one.native_id}.{uuid.uuid4().hex}"
                service().jobs.enqueue(conn, "read_forum", subject, queue="forums")
                log.info("hint.stored", subject=subject)
            elif save_event(conn, sender.id, one, datetime.now(UTC)):
                service().jobs.enqueue(conn, "handle_event", one.key, queue="ingest")
                log.info("delivery.stored", key=one.key)


def _bury(sender: Community, body: bytes, why: str) -> None:
    """Write down that something came which we could not read, and nothing of what it was."""
    digest = hmac.digest(service().vault.key_for(PURPOSE), body, "sha256").hex()
    with writing(service().db) as conn:
        save_dead_letter(conn, sender.id, f"{sender.platform}:{sender.slug}:unreadable:{digest}", datetime.now(UTC))
    log.warning("hint.unreadable", community=sender.slug, error=why)
