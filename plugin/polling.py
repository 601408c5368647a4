"""Ask the forums: at a hint that something happened, and by the clock for what no hint said."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog

from plugin.channels.webhook import NotTaken
from plugin.engine import Again
from plugin.events import Event
from plugin.forums import discourse, invision
from plugin.forums.polled import Forum, Hint
from plugin.forums.rest import Manners, RestClient
from plugin.service import Service
from plugin.store.communities import Community, community_by_id
from plugin.store.connections import connected_ids, connection_of, note_cursor, stop_connection, take_turn
from plugin.store.events import save_event
from plugin.store.held import HeldComments
from plugin.store.opening import reading, writing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Platform:
    """How the forums of one platform are asked.

    `setup_from(settings)` reads the settings of a connection or raises BadSetting; `manners(keys, setup)` says how to
    ask; `forum(rest, memory, setup, community=…, base_url=…)` is what we ask.
    """

    setup_from: Callable[[Mapping[str, Any]], Any]
    manners: Callable[[Mapping[str, str], Any], Manners]
    forum: Callable[..., Forum]


def read_forum(service: Service, subject: str) -> None:
    """Read what a hint is about, named `<community>.<kind>.<native id>.<which hint>`, and store what holds of it."""
    number, kind, native_id, _ = subject.split(".")
    forum = forum_of(service, int(number))
    if forum is None:
        return
    try:
        events = forum.read(Hint(kind, native_id))
    except NotTaken as error:
        if error.is_refusal or error.permanent:
            return
        raise Again(str(error), after=error.after) from None
    store(service, int(number), events)


def reconcile(service: Service, _at: datetime) -> None:
    """Put up a look at every forum that answers us."""
    with writing(service.db, patient=True) as conn:
        for community_id in connected_ids(conn):
            service.jobs.enqueue(conn, "reconcile", f"{community_id}.{_at:%Y%m%dT%H%M}", queue="forums")


def reconcile_one(service: Service, subject: str) -> None:
    """Look for what no hint told: edits, hides, approvals, deletions, lost deliveries."""
    community_id = int(subject.partition(".")[0])
    with reading(service.db) as conn:
        connection = connection_of(conn, service.vault, community_id)
    forum = forum_of(service, community_id)
    if connection is None or forum is None:
        return
    cursor = connection.cursor
    try:
        for batch in forum.changes(connection.cursor):
            store(service, community_id, batch.events)
            cursor = batch.cursor
    except NotTaken as error:
        # The clock comes round again.
        log.warning("forum.unread", community=community_id, reason=str(error))
        return
    with writing(service.db, patient=True) as conn:
        note_cursor(conn, community_id, cursor, datetime.now(UTC))


def give_up(_service: Service, subject: str) -> None:
    """Leave what could not be read to the next look by the clock."""
    log.error("forum.given_up", community=int(subject.partition(".")[0]))


def store(service: Service, community_id: int, events: Iterable[Event]) -> None:
    """Store events together with their jobs."""
    with writing(service.db, patient=True) as conn:
        store_in(service, conn, community_id, events)


def store_in(service: Service, conn: sa.Connection, community_id: int, events: Iterable[Event]) -> int:
    """Store events together with their jobs, in a transaction of the caller's; return how many were new."""
    new = 0
    for event in events:
        if save_event(conn, community_id, event, datetime.now(UTC)):
            new += 1
            # The past waits in a queue of its own, so that it never stands before what is said now.
            queue = "history" if event.source == "backfill" else "ingest"
            service.jobs.enqueue(conn, "handle_event", event.key, queue=queue)
    return new


def forum_of(service: Service, community_id: int) -> Forum | None:
    """Return the forum of a community, ready to be asked; None where it has none or where it refused us."""
    with reading(service.db) as conn:
        community = community_by_id(conn, community_id)
        connection = connection_of(conn, service.vault, community_id)
    if community is None or connection is None or connection.stopped_at or community.platform not in FORUMS:
        return None
    platform = FORUMS[community.platform]
    setup = platform.setup_from(connection.settings)
    rest = RestClient(
        connection.api_url,
        platform.manners(connection.keys, setup),
        private_host=community.private_host,
        before=lambda: _may_ask(service, community.id, setup.per_minute),
        refused=lambda reason: _stop(service, community, reason),
    )
    memory = HeldComments(service.db, community.id)
    return platform.forum(rest, memory, setup, community=community.slug, base_url=community.base_url)


def _may_ask(service: Service, community_id: int, per_minute: int) -> None:
    """Wait for this forum's turn; raise NotTaken where it refused us meanwhile, whoever it was that asked."""
    with reading(service.db) as conn:
        connection = connection_of(conn, service.vault, community_id)
    if connection is None or connection.stopped_at:
        raise NotTaken("the forum refused us", permanent=True, is_refusal=True)
    with writing(service.db) as conn:
        turn = take_turn(conn, community_id, per_minute, datetime.now(UTC))
    sleep((turn - datetime.now(UTC)).total_seconds())


def sleep(seconds: float) -> None:
    """Wait for a turn."""
    if seconds > 0:
        time.sleep(seconds)


def _stop(service: Service, community: Community, reason: str) -> None:
    with writing(service.db, patient=True) as conn:
        _stopped(conn, community.id, reason)
    log.error("forum.stopped", community=community.slug, reason=reason, hint="manyvoices doctor")


def _stopped(conn: sa.Connection, community_id: int, reason: str) -> None:
    stop_connection(conn, community_id, reason, datetime.now(UTC))


FORUMS = {
    "discourse": Platform(discourse.setup_from, discourse.manners, discourse.Discourse),
    "invision": Platform(invision.setup_from, invision.manners, invision.Invision),
}
