"""Tell a forum what belongs beside its comments: put it up, and send it as it holds at that moment.

docs/standard-webhooks.md has the form. A row says which state was last sent and which was last taken; the same state
is told once, and one that the forum may or may not know is told again under the same id.
"""

import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog

from plugin.channels import webhook
from plugin.channels.webhook import Message, NotTaken, Receiver
from plugin.consent import allows
from plugin.engine import Again
from plugin.polling import FORUMS, forum_of
from plugin.service import Service
from plugin.showing import group_labels, public_labels
from plugin.store.authors import native_id_of
from plugin.store.comments import author_of, comment_ids_beside, comment_ids_by, newest_by, place_of
from plugin.store.communities import Community, community_by_id, live_secrets
from plugin.store.connections import is_connected, settings_of
from plugin.store.consents import comments_answered, receipts_for
from plugin.store.discussions import discussion_by_id
from plugin.store.links import LASTS, new_link
from plugin.store.opening import writing
from plugin.store.tags import tags_for
from plugin.store.write_backs import (
    WriteBack,
    held_or_failed,
    keys_of,
    mark,
    mark_told,
    mark_trying,
    put_up,
    resume_writing_back,
    stop_writing_back,
    write_back_about,
    write_back_by_id,
)

PURPOSE = "write-backs"
MOST_LABELS = 10

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class State:
    """What a forum ought to know about something now; `sealed` is what the row has to keep for it until it went."""

    type: str
    data: dict[str, Any]
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A message with the one it goes to, and the row and the digest that it is for.

    Without a receiver it goes by the forum's own interface.
    """

    row: WriteBack
    digest: str
    receiver: Receiver | None
    message: Message


def tell_tags(service: Service, conn: sa.Connection, community: Community, comment_id: int) -> None:
    """Put up the labels that may stand beside a comment now, or that none may, where the forum knows otherwise."""
    if not takes(conn, community):
        return
    author_id = author_of(conn, comment_id)
    if author_id is not None:
        tell_groups(service, conn, community, author_id)
    row = write_back_about(conn, community.id, "tag", f"comment:{comment_id}")
    state = _tags(conn, community, comment_id)
    if state is None or _is_known(service, row, state):
        return
    _put(service, conn, put_up(conn, community.id, "tag", f"comment:{comment_id}", datetime.now(UTC)))


def has_inbox(conn: sa.Connection, community: Community) -> bool:
    """Return whether members of this forum can be sent the link to their own page, into their inbox there."""
    if community.write_back_url is not None:
        return True
    settings, platform = settings_of(conn, community.id), FORUMS.get(community.platform)
    return bool(settings and platform and platform.setup_from(settings).sends_links)


def has_groups(conn: sa.Connection, community: Community) -> bool:
    """Return whether this forum has groups for roles, and an interface by which members can be put into them."""
    return bool(settings_of(conn, community.id).get("groups"))


def tell_groups(
    service: Service, conn: sa.Connection, community: Community, author_id: int, *, is_leaving: bool = False
) -> None:
    """Put up the labels whose groups a member agreed to be in, where the forum knows otherwise.

    `is_leaving`: we are about to forget this author, so that they may be in none of our groups any more.
    """
    if not has_groups(conn, community):
        return
    key = f"author:{author_id}"
    row = write_back_about(conn, community.id, "group", key)
    state = _groups(service, conn, author_id, None)
    sealed = None
    if is_leaving and state is not None:
        nothing = {**state.data, **_shown_by(conn, author_id), "labels": []}
        sealed = service.vault.seal(PURPOSE, json.dumps(nothing))
        state = State("group.put", nothing, sealed)
    if state is None or _is_known(service, row, state):
        return
    _put(service, conn, put_up(conn, community.id, "group", key, datetime.now(UTC), sealed=sealed))


def put_staff_note(
    service: Service, conn: sa.Connection, community: Community, discussion_id: int, text: str, url: str
) -> None:
    """Put up a note to the forum's moderators, in place of the one about the same discussion: no quotes, no names."""
    if not takes(conn, community):
        return
    key = f"discussion:{discussion_id}"
    sealed = service.vault.seal(PURPOSE, json.dumps({"text": text, "url": url}))
    state = _note(service, conn, discussion_id, sealed)
    if state is None or _is_known(service, write_back_about(conn, community.id, "staff_note", key), state):
        return
    _put(service, conn, put_up(conn, community.id, "staff_note", key, datetime.now(UTC), sealed=sealed))


def send_private_link(service: Service, conn: sa.Connection, community: Community, author_id: int) -> bool:
    """Put up a link to a member's own page, for their forum inbox; return False where the forum takes none."""
    if not takes(conn, community) or native_id_of(conn, author_id) is None:
        return False
    _put(service, conn, put_up(conn, community.id, "private_link", f"author:{author_id}", datetime.now(UTC)))
    return True


def tell_again(service: Service, conn: sa.Connection, community: Community) -> None:
    """Look at every tag again that the forum knows or could, as after a change of settings, and go on if stopped."""
    resume_writing_back(conn, community.id)
    for row in held_or_failed(conn, community.id):
        # A note goes as it is; a link is made afresh, because the older one may be over by now.
        sealed = row.sealed if row.kind == "staff_note" else None
        _put(service, conn, put_up(conn, community.id, row.kind, row.key, datetime.now(UTC), sealed=sealed))
    known = {int(key.partition(":")[2]) for key in keys_of(conn, community.id, "tag")}
    asked = comments_answered(conn, community.id, "show_tag") | comments_answered(conn, community.id, "join_group")
    for comment_id in sorted(known | asked):
        tell_tags(service, conn, community, comment_id)


def write_back(service: Service, subject: str) -> None:
    """Tell a forum one thing, named `<community>.<row>.<round>`; raise Again where it may be taken later."""
    with writing(service.db, patient=True) as conn:
        ready = _ready(service, conn, subject)
    if ready is None:
        return
    try:
        # A forum's own interface waits before each of its calls.
        if ready.receiver:
            service.pace.wait(str(ready.row.community_id))
        if ready.receiver:
            webhook.send(ready.receiver, ready.message)
        elif forum := forum_of(service, ready.row.community_id):
            forum.send(ready.message)
        else:
            raise NotTaken("the forum refused us", permanent=True, is_refusal=True)
    except NotTaken as error:
        _record_failure(service, ready.row, error)
        return
    with writing(service.db, patient=True) as conn:
        mark_told(conn, ready.row, ready.digest, datetime.now(UTC))
    log.info("writeback.done", row=ready.row.id, type=ready.message.type)


def give_up(service: Service, subject: str) -> None:
    """Record that something was not taken in a day and more."""
    with writing(service.db, patient=True) as conn:
        row = _current(conn, subject)
        if row:
            mark(conn, row, "failed", at=datetime.now(UTC), reason=f"given up: {row.reason or 'never answered'}")


def _put(service: Service, conn: sa.Connection, row: WriteBack) -> None:
    service.jobs.enqueue(conn, "write_back", row.subject, queue="writeback")


def _current(conn: sa.Connection, subject: str) -> WriteBack | None:
    """Return the row of a job, or None where a newer job has taken it over."""
    _, id_, round_ = subject.split(".")
    row = write_back_by_id(conn, int(id_))
    return row if row and row.round == int(round_) else None


def _ready(service: Service, conn: sa.Connection, subject: str) -> Ready | None:
    row = _current(conn, subject)
    if row is None or row.status not in ("waiting", "sending"):
        return None
    now = datetime.now(UTC)
    community = community_by_id(conn, row.community_id)
    keys = live_secrets(conn, service.vault, row.community_id, now)
    if community is None or not ((community.write_back_url and keys) or is_connected(conn, community.id)):
        mark(conn, row, "held", at=now, reason="there is no address to send to, or no key to sign with")
        return None
    if community.write_back_stopped_at:
        mark(conn, row, "held", at=now, reason="the forum refused us")
        return None
    state = _state(service, conn, community, row)
    if state is None:
        mark(conn, row, "withheld", at=now, reason="what it is about is gone")
        return None
    if _is_known(service, row, state):
        mark(conn, row, "done", at=now)
        return None
    digest = _digest(service, state)
    # The id and the time belong to the state: one that may have arrived comes again as the same message.
    is_same = row.tried == digest and row.message_id and row.tried_at
    message_id = str(row.message_id) if is_same else f"mv_{uuid.uuid4()}"
    at = row.tried_at if is_same and row.tried_at else now
    mark_trying(conn, row, digest=digest, message_id=message_id, at=at, sealed=state.sealed)
    receiver, data = None, state.data
    if community.write_back_url and keys:
        receiver = Receiver(community.write_back_url, keys[0], community.private_host)
        if state.type == "tag.set":
            # Not in the digest: where a tag is explained is no news about it.
            data = data | {"url": f"{service.public_url}/members/{community.slug}/about-tags"}
    elif row.kind == "tag":
        data = data | _page_labels(conn, community, row.about_id)
    elif row.kind in ("group", "private_link"):
        data = _shown_by(conn, row.about_id) | data
    return Ready(row, digest, receiver, Message(message_id, state.type, at, data))


def _state(service: Service, conn: sa.Connection, community: Community, row: WriteBack) -> State | None:
    if row.kind == "tag":
        return _tags(conn, community, row.about_id)
    if row.kind == "group":
        return _groups(service, conn, row.about_id, row.sealed)
    if row.kind == "staff_note":
        return _note(service, conn, row.about_id, row.sealed)
    return _link(service, conn, community, row.about_id, row.sealed)


def _tags(conn: sa.Connection, community: Community, comment_id: int) -> State | None:
    place = place_of(conn, comment_id)
    if place is None or place.source == "backfill":
        return None
    comment = {"id": place.native_id, "created_at": place.created_at.isoformat()}
    receipts = receipts_for(conn, [comment_id])[comment_id]
    tags = tags_for(conn, [comment_id]).get(comment_id, ())
    labels = public_labels(tags, receipts, place.state, community.public_tags)
    if not labels or place.discussion_native_id is None:
        return State("tag.clear", {"comment": comment})
    discussion = {"id": place.discussion_native_id}
    return State("tag.set", {"comment": comment, "discussion": discussion, "labels": list(labels[:MOST_LABELS])})


def _groups(service: Service, conn: sa.Connection, author_id: int, sealed: str | None) -> State | None:
    """Return the labels whose groups a member agreed to be in, by what they said in their comments."""
    if sealed is not None:
        return State("group.put", json.loads(service.vault.unseal(PURPOSE, sealed)), sealed)
    native_id = native_id_of(conn, author_id)
    theirs = comment_ids_by(conn, author_id)
    if native_id is None or not theirs:
        return None
    receipts = receipts_for(conn, theirs)
    # Asked for every comment that comes in, and few authors ever agreed: the rest is read for these alone.
    agreed = [id_ for id_ in theirs if allows(receipts[id_], "join_group")]
    tags = tags_for(conn, agreed)
    places = {id_: place for id_ in agreed if (place := place_of(conn, id_)) and place.source != "backfill"}
    found = (group_labels(tags.get(id_, ()), receipts[id_], place.state) for id_, place in places.items())
    labels = sorted({label for labels in found for label in labels})
    return State("group.put", {"author": {"id": native_id}, "labels": labels[:MOST_LABELS]})


def _shown_by(conn: sa.Connection, author_id: int) -> dict[str, Any]:
    """Return a comment of a member's: some forums tell by it alone what somebody is called now."""
    newest = newest_by(conn, author_id)
    return {"comment": {"id": newest}} if newest else {}


def _page_labels(conn: sa.Connection, community: Community, comment_id: int) -> dict[str, Any]:
    """Return the labels of a whole page, for forums that have tags on pages and none on comments."""
    place = place_of(conn, comment_id)
    beside = comment_ids_beside(conn, comment_id)
    tags, receipts = tags_for(conn, beside), receipts_for(conn, beside)
    found = (public_labels(tags.get(id_, ()), receipts[id_], "visible", community.public_tags) for id_ in beside)
    labels = sorted({label for labels in found for label in labels})
    return {"discussion": {"id": place.discussion_native_id if place else None}, "page_labels": labels}


def takes(conn: sa.Connection, community: Community) -> bool:
    """Return whether this forum can be told anything: by webhook, or by its own interface."""
    return community.write_back_url is not None or is_connected(conn, community.id)


def _note(service: Service, conn: sa.Connection, discussion_id: int, sealed: str | None) -> State | None:
    stored = discussion_by_id(conn, discussion_id)
    if stored is None or sealed is None:
        return None
    native_id = stored.discussion.native_id
    about = {"key": f"discussion:{discussion_id}", "discussion": {"id": native_id}}
    return State("staff_note.put", about | json.loads(service.vault.unseal(PURPOSE, sealed)), sealed)


def _link(
    service: Service, conn: sa.Connection, community: Community, author_id: int, sealed: str | None
) -> State | None:
    native_id = native_id_of(conn, author_id)
    if native_id is None:
        return None
    if sealed is None:
        now = datetime.now(UTC)
        url = f"{service.public_url}/members/{community.slug}/mine/{new_link(conn, author_id, now)}"
        told = {"url": url, "expires_at": (now + LASTS).isoformat()}
        # Kept until it went, so that the second try carries the same link as the first.
        sealed = service.vault.seal(PURPOSE, json.dumps(told))
    return State(
        "private_link.put", {"author": {"id": native_id}} | json.loads(service.vault.unseal(PURPOSE, sealed)), sealed
    )


def _is_known(service: Service, row: WriteBack | None, state: State) -> bool:
    """Return whether the forum knows a state for certain: it took it last, and nothing else was sent since."""
    if row is None or row.tried is None:
        # Where nothing was ever told, nothing need be taken back.
        return state.type == "tag.clear" or (state.type == "group.put" and not state.data["labels"])
    return row.tried == row.told == _digest(service, state)


def _digest(service: Service, state: State) -> str:
    told = json.dumps([state.type, state.data], sort_keys=True).encode()
    return hmac.digest(service.vault.key_for(PURPOSE), told, "sha256").hex()


def _record_failure(service: Service, row: WriteBack, error: NotTaken) -> None:
    now = datetime.now(UTC)
    with writing(service.db, patient=True) as conn:
        if error.is_refusal:
            stop_writing_back(conn, row.community_id, str(error), now)
            mark(conn, row, "held", at=now, reason=str(error))
        elif error.permanent:
            mark(conn, row, "failed", at=now, reason=str(error))
        else:
            mark(conn, row, "waiting", at=None, reason=str(error))
    log.warning("writeback.refused", row=row.id, permanent=error.permanent, reason=str(error))
    if not error.permanent:
        raise Again(str(error), after=error.after)
