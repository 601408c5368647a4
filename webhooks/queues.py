"""What waits for a moderator, across all discussions, each with the reason why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.correcting import NotDone
from plugin.crediting import source_words, speaker_words
from plugin.excerpts import Piece, excerpt_around, pieces_of
from plugin.model import PersonalData
from plugin.privacy import LABELS
from plugin.stakeholders import all_types, label_of
from plugin.store.audit import record
from plugin.store.comments import StoredComment, comment_by_id
from plugin.store.communities import Community
from plugin.store.discussions import discussion_by_id
from plugin.store.opening import reading, writing
from plugin.store.queues import ON_A_PAGE, Queue, count_waiting, handled_lately, mark_handled, waiting_in
from plugin.store.staff import all_staff
from plugin.store.tags import history_of
from plugin.store.themes import personal_data_of
from webhooks.correcting import ComeTooLate, asked_for, lock_as_seen, make_correction, meanwhile, version_of
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

MOST_AT_ONCE = 100

queues = Blueprint("queues", __name__, url_prefix="/moderators/queues")


@dataclass(frozen=True, slots=True)
class QueueWords:
    """How a queue is called, and what it holds."""

    name: str
    says: str
    empty: str
    may_be_handled: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be ticked: an unconfirmed tag, with the version of the comment that the moderator sees."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One comment of a queue: where it stands, why it is here, and how long."""

    id: int
    title: str
    community: str
    reasons: tuple[str, ...]
    pieces: tuple[Piece, ...]
    created_at: datetime
    age: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one thing that was ticked and did not go."""

    comment_id: int
    label: str
    why: str


@queues.get("/<queue>")
@staff_only("moderator")
def queue(queue: str) -> str:
    """Show what waits in a queue."""
    return _page(queue)


@queues.post("/<queue>")
@staff_only("moderator")
def act(queue: str) -> ResponseReturnValue:
    """Confirm or remove all that was ticked, or mark it handled; say plainly what did not go and why."""
    if queue not in WORDS:
        abort(404)
    ticked = request.form.getlist("item")[:MOST_AT_ONCE]
    if WORDS[queue].may_be_handled:
        done, left = _handle(queue, ticked)
    else:
        done, left = _correct(ticked)
    if not left and ticked:
        return redirect(url_for("queues.queue", queue=queue, done=done, **_filters()), 303)
    return _page(queue, done=done, left=left, nothing_ticked=not ticked), 409 if left else 400


def counts_for(conn: sa.Connection, communities: Mapping[int, Community]) -> list[tuple[Queue, QueueWords, int]]:
    """Return the queues in their order with how many comments wait in each."""
    counts = count_waiting(conn, communities.keys())
    return [(name, WORDS[name], count) for name, count in counts.items()]


def _page(queue: str, *, done: int = 0, left: Sequence[Outcome] = (), nothing_ticked: bool = False) -> str:
    if queue not in WORDS and queue != REPORTED:
        abort(404)
    mine = {community.id: community for community in communities_for("moderator")}
    chosen = [id_ for id_, one in mine.items() if request.args.get("community") in (None, "", one.slug)]
    type_ = request.args.get("type") or None
    before = request.args.get("before", type=int)
    with reading(service().db) as conn:
        counts = counts_for(conn, mine)
        if queue == REPORTED:
            return render_template("moderators/reported.html", counts=counts)
        found = waiting_in(conn, queue, chosen, type_=type_, before=before)  # type: ignore[arg-type]
        items = _items(conn, queue, found, mine)
        addresses = {f"staff:{account.id}": account.email for account in all_staff(conn)}
        handled = handled_lately(conn, queue, chosen) if WORDS[queue].may_be_handled else []  # type: ignore[arg-type]
    return render_template(
        "moderators/queue.html",
        queue=queue,
        words=WORDS[queue],
        counts=counts,
        items=items,
        handled=[(id_, addresses.get(mark.by, "somebody of the staff who has left"), mark.at) for id_, mark in handled],
        communities=mine.values(),
        types=[(one, label_of(one)) for one in all_types()],
        filters=_filters(),
        older=found[-1].id if len(found) == ON_A_PAGE else None,
        is_first_page=before is None,
        done=done or request.args.get("done", type=int) or 0,
        left=left,
        nothing_ticked=nothing_ticked,
    )


def _filters() -> dict[str, Any]:
    return {name: value for name in ("community", "type") if (value := request.args.get(name))}


def _items(
    conn: sa.Connection, queue: str, found: Sequence[StoredComment], mine: Mapping[int, Community]
) -> list[QueueItem]:
    places = {id_: discussion_by_id(conn, id_) for id_ in {one.discussion_id for one in found}}
    personal = personal_data_of(conn, [one.id for one in found]) if queue == "personal" else {}
    items = []
    for stored in found:
        place = places[stored.discussion_id]
        if place is None:
            continue
        reasons, spans, choices = _why(conn, queue, stored, personal.get(stored.id, []))
        text, kept = excerpt_around(stored.comment.text, spans)
        items.append(
            QueueItem(
                stored.id,
                place.discussion.title or "A page without a title",
                mine[place.community_id].name,
                tuple(reasons),
                pieces_of(text, says=kept),
                stored.comment.created_at,
                age_of(datetime.now(UTC) - stored.comment.created_at),
                tuple(choices),
            )
        )
    return items


def _why(
    conn: sa.Connection, queue: str, stored: StoredComment, personal: Sequence[PersonalData]
) -> tuple[list[str], list[tuple[int, int]], list[Choice]]:
    """Return why a comment is in a queue, where the words stand that say so, and what can be ticked."""
    seen = version_of(stored.comment.updated_at, history_of(conn, stored.id))
    if queue == "urgent":
        evidence = stored.urgency.evidence if stored.urgency else ()
        spans = [(one.start, one.end) for one in evidence]
        said = "; ".join(f"“{one.text}”" for one in evidence)
        return [f"May be urgent: {said}" if said else "May be urgent"], spans, [Choice(str(stored.id), "Handled")]
    if queue == "personal":
        kinds = dict.fromkeys(LABELS.get(one.kind, "personal data") for one in personal)
        spans = [(one.start, one.end) for one in personal]
        return [f"May hold a {kind}" for kind in kinds], spans, [Choice(str(stored.id), "Handled")]
    unsure = [tag for tag in stored.tags if tag.status == "suggested" and tag.source in ("text", "earlier")]
    return (
        [f"{speaker_words(tag)}: {source_words(tag)}" for tag in unsure],
        [(tag.evidence.start, tag.evidence.end) for tag in unsure if tag.evidence],
        [Choice(f"{stored.id}:{tag.type}:{seen}", label_of(tag.type)) for tag in unsure],
    )


def _correct(ticked: Sequence[str]) -> tuple[int, list[Outcome]]:
    """Correct each tag that was ticked, comment by comment; one that does not go keeps none of the others back."""
    done, left = 0, []
    by_comment: dict[tuple[int, str], list[str]] = {}
    for value in ticked:
        comment_id, type_, seen = _parts(value)
        by_comment.setdefault((comment_id, seen), []).append(type_)
    for (comment_id, seen), types in by_comment.items():
        try:
            with writing(service().db) as conn:
                went, not_gone = _correct_one(conn, comment_id, seen, types)
            done += went
            left += not_gone
        except ComeTooLate:
            with reading(service().db) as conn:
                lines = [f"{line.what} by {line.who}" for line in meanwhile(conn, comment_id, seen)]
            why = f"It has changed since you opened the list: {'; '.join(lines) or 'its author edited the words'}."
            left += [Outcome(comment_id, label_of(type_), why) for type_ in types]
    return done, left


def _correct_one(conn: sa.Connection, comment_id: int, seen: str, types: Sequence[str]) -> tuple[int, list[Outcome]]:
    stored = comment_by_id(conn, comment_id)
    if stored is None or not _is_mine(conn, stored):
        return 0, [Outcome(comment_id, label_of(type_), "The comment is not there any more.") for type_ in types]
    lock_as_seen(conn, comment_id, seen)
    done, left = 0, []
    for type_ in types:
        try:
            asked = asked_for(type_)
            if asked.act not in IN_BULK:
                raise NotDone("Please choose what to do.")
            make_correction(conn, comment_id, asked)
            done += 1
        except NotDone as problem:
            left.append(Outcome(comment_id, label_of(type_), str(problem)))
    return done, left


def _handle(queue: str, ticked: Sequence[str]) -> tuple[int, list[Outcome]]:
    done, left = 0, []
    for value in ticked:
        comment_id, _, _ = _parts(value)
        with writing(service().db) as conn:
            stored = comment_by_id(conn, comment_id)
            if stored is None or not _is_mine(conn, stored):
                left.append(Outcome(comment_id, "Comment", "It is not there any more."))
                continue
            by = f"staff:{current_user.id}"
            now, subject = datetime.now(UTC), f"comment:{comment_id}"
            before = mark_handled(conn, comment_id, queue, by=by, at=now)  # type: ignore[arg-type]
            if before is None:
                given = {"queue": queue}
                place = discussion_by_id(conn, stored.discussion_id)
                of = place.community_id if place else None
                record(
                    conn, service().vault, by=by, act="handled", subject=subject, at=now, community_id=of, after=given
                )
        if before and before.by != by:
            left.append(Outcome(comment_id, "Comment", "Another moderator has handled it already."))
        else:
            done += 1
    return done, left


def _is_mine(conn: sa.Connection, stored: StoredComment) -> bool:
    place = discussion_by_id(conn, stored.discussion_id)
    if place is None or stored.comment.state == "direct":
        return False
    return place.community_id in {one.id for one in communities_for("moderator")}


def _parts(value: str) -> tuple[int, str, str]:
    comment_id, _, rest = value.partition(":")
    type_, _, seen = rest.partition(":")
    return int(comment_id) if comment_id.isascii() and comment_id.isdigit() else 0, type_, seen


def age_of(span: timedelta) -> str:
    """Return how long ago something was, in words: "3 days"."""
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour")):
        if span >= unit:
            return f"{span // unit} {name}{'' if span // unit == 1 else 's'}"
    return "less than an hour"


IN_BULK = ("confirm", "remove")

# No forum that we know tells us of a report, so nothing can stand in this queue yet.
REPORTED = "reported"

WORDS: dict[str, QueueWords] = {
    "urgent": QueueWords(
        "May be urgent",
        "The words of these comments may mean that somebody is in danger or is being harmed. The moderators were told "
        "by mail as each one came, unless it is from before the community was attached.",
        "Nothing urgent is waiting.",
        may_be_handled=True,
    ),
    "personal": QueueWords(
        "Possible personal data",
        "These comments may hold something that points to a person. Please look, and ask the author or change it on "
        "the forum. Not all of it is found: a first name alone, or a street, is not.",
        "No comment with possible personal data is waiting.",
        may_be_handled=True,
    ),
    "unconfirmed": QueueWords(
        "Unconfirmed tags",
        "These tags were found in people’s own words, and nobody has said yet that they are right. Confirming one "
        "shows nothing in public.",
        "Every tag that was found has been looked at.",
    ),
}
