"""The insights on the desk for programs: the list, one of them, and everything that is done with it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Response, jsonify, request, url_for
from flask_smorest import Blueprint

from plugin import answering, desk
from plugin.basis import Withheld, basis_on_desk
from plugin.desk import Actor
from plugin.letters import copy_of
from plugin.outcomes import MEANINGS, NotAllowed, NotSaid, Step, steps_from
from plugin.store.communities import Community
from plugin.store.desk import Item, Stale, all_merged_into, item_of, items_of, notes_of
from plugin.store.insights import StoredInsight, on_desk, sendings_of
from plugin.store.listing import Wanted, listed
from plugin.store.opening import reading, writing
from plugin.wording import one_line, tidy_text
from webhooks.api import schemas
from webhooks.api.bearers import communities_of_bearer, speaks_for
from webhooks.api.documenting import operation
from webhooks.api.errors import Refused
from webhooks.wiring import service

insights = Blueprint("api_insights", __name__, url_prefix="/api/v1", description="What lies on the editors’ desk.")
insights.ARGUMENTS_PARSER = schemas.Strict()

ONE = "/insights/<int:insight_id>"


@operation(insights, "GET", "/insights", gives=schemas.Page, takes=schemas.Wish)
def list_insights(wish: dict[str, Any]) -> Response:
    """List insights, the newest first."""
    mine = _mine()
    asked = wish.pop("community", None)
    chosen = [id_ for id_, one in mine.items() if asked in (None, one.slug)]
    if asked is not None and not chosen:
        raise Refused(422, "You edit no community of this name.", field="community")
    limit, before = wish.pop("limit"), wish.pop("before", None)
    wanted = Wanted(states=tuple(wish.pop("state", ())), is_history=wish.pop("history"), **wish)
    with reading(service().db) as conn:
        ids = listed(conn, service().vault, chosen, wanted, limit=limit + 1, before=before)
        shown = on_desk(conn, service().vault, ids[:limit])
        items = items_of(conn, ids[:limit])
        merged = all_merged_into(conn, ids[:limit])
        told = [_told(found, item, mine, merged) for found in shown if (item := items.get(found.insight_id))]
    answer: dict[str, Any] = {"insights": told, "next": None}
    headers = {}
    if len(ids) > limit:
        # The address of this page with another cursor: every filter stays.
        query = {**request.args.to_dict(flat=False), "before": [str(ids[limit - 1])]}
        answer["next"] = f"{service().public_url}{request.path}?{urlencode(query, doseq=True)}"
        headers["Link"] = f'<{answer["next"]}>; rel="next"'
    return _json(answer, headers=headers)


@operation(insights, "GET", ONE, gives=schemas.Insight)
def show_insight(insight_id: int) -> Response:
    """Show one insight; its ETag is what a change of it must name."""
    with reading(service().db) as conn:
        return _as_it_is(conn, *_found(conn, insight_id))


@operation(insights, "GET", f"{ONE}/notes", gives=schemas.Notes)
def list_notes(insight_id: int) -> Response:
    """List the editors’ notes about an insight, oldest first."""
    with reading(service().db) as conn:
        item, _ = _found(conn, insight_id)
        notes = notes_of(conn, service().vault, [item.id])
    return _json({"notes": [{"id": one.id, "note": one.text, "by": one.by, "at": _iso(one.at)} for one in notes]})


@operation(insights, "POST", f"{ONE}/notes", gives=schemas.Insight, takes=schemas.NewNote, status=201)
def add_note(said: dict[str, Any], insight_id: int) -> Response:
    """Write a note to the other editors. It overwrites nothing, so it names no version."""
    return _done(
        insight_id,
        lambda conn, item, actor: desk.note(service(), conn, item.id, tidy_text(said["note"]), actor),
        names_version=False,
        status=201,
    )


@operation(insights, "POST", f"{ONE}/assign", gives=schemas.Insight, takes=schemas.Assignment, changes=True)
def assign(said: dict[str, Any], insight_id: int) -> Response:
    """Give an insight to an editor of its community, or to nobody."""
    return _done(insight_id, lambda conn, item, actor: desk.assign(service(), conn, item.id, said["to"], actor))


@operation(insights, "POST", f"{ONE}/snooze", gives=schemas.Insight, takes=schemas.Sleep, changes=True)
def snooze(said: dict[str, Any], insight_id: int) -> Response:
    """Put an insight out of the way until a moment or a reply, whichever is first."""
    return _done(insight_id, lambda conn, item, actor: desk.snooze(service(), conn, item.id, said["until"], actor))


@operation(insights, "POST", f"{ONE}/wake", gives=schemas.Insight, changes=True)
def wake(insight_id: int) -> Response:
    """Bring an insight back that was put out of the way."""
    return _done(insight_id, lambda conn, item, actor: desk.wake(service(), conn, item.id, actor))


@operation(insights, "POST", f"{ONE}/steps", gives=schemas.Insight, takes=schemas.StepTaken, changes=True)
def take_step(said: dict[str, Any], insight_id: int) -> Response:
    """Say what became of an insight. Its contributor is told of most steps."""
    state = said.pop("state")
    for field in said:
        if field not in MEANINGS[state].needs:
            raise Refused(422, f"This does not belong to {state}.", field=field)
    step = Step(state, datetime.now(UTC), **{field: one_line(text) or None for field, text in said.items()})

    def take(conn: sa.Connection, item: Item, actor: Actor) -> None:
        _may_be_read(conn, item)
        desk.take(service(), conn, item.id, step, actor)

    return _done(insight_id, take)


@operation(insights, "POST", f"{ONE}/replies", gives=schemas.Insight, takes=schemas.NewReply, status=201, changes=True)
def add_reply(said: dict[str, Any], insight_id: int) -> Response:
    """Answer the author of an insight: it stands on their own page, and they hear of it as they agreed."""
    text = tidy_text(said["reply"])

    def answer(conn: sa.Connection, item: Item, actor: Actor) -> None:
        answering.reply(service(), conn, _mine()[item.community_id], item.id, text, actor)

    return _done(insight_id, answer, status=201)


@operation(insights, "POST", f"{ONE}/merge", gives=schemas.Insight, takes=schemas.Joining, changes=True)
def merge(said: dict[str, Any], insight_id: int) -> Response:
    """Treat an insight as the same as another; both keep their own consents and credits."""

    def join(conn: sa.Connection, item: Item, actor: Actor) -> None:
        try:
            into, _ = _found(conn, said["into"])
        except Refused:
            raise NotSaid("into", "There is no such insight.") from None
        _may_be_read(conn, item)
        _may_be_read(conn, into)
        desk.merge(service(), conn, item.id, into.id, actor)

    return _done(insight_id, join)


@operation(insights, "POST", f"{ONE}/unmerge", gives=schemas.Insight, changes=True)
def unmerge(insight_id: int) -> Response:
    """Take an insight out of what it was merged into."""
    return _done(insight_id, lambda conn, item, actor: desk.unmerge(service(), conn, item.id, actor))


def _done(
    insight_id: int,
    act: Callable[[sa.Connection, Item, Actor], object],
    *,
    names_version: bool = True,
    status: int = 200,
) -> Response:
    """Do something with an insight as the program saw it, and return how it stands after."""
    whose = speaks_for()
    with writing(service().db) as conn:
        item, found = _found(conn, insight_id, locked=True)
        if names_version:
            _check_seen(conn, item, found)
        actor = Actor(
            f"staff:{whose.user_id}",
            datetime.now(UTC),
            item.version if names_version else None,
            f"token:{whose.token_id}",
        )
        try:
            act(conn, item, actor)
        except NotSaid as missing:
            raise Refused(422, str(missing), field=missing.field) from None
        except NotAllowed as wrong:
            raise Refused(409, str(wrong)) from None
        except Stale:
            raise _stale(conn, *_found(conn, insight_id)) from None
        return _as_it_is(conn, *_found(conn, insight_id), status=status)


def _may_be_read(conn: sa.Connection, item: Item) -> None:
    """Raise NotAllowed for what nobody may read any longer: nothing is decided about words that are not there."""
    if isinstance(basis_on_desk(sendings_of(conn, [item.id], "forward")[item.id]), Withheld):
        raise NotAllowed("The words may not be read any longer.")


def _check_seen(conn: sa.Connection, item: Item, found: StoredInsight) -> None:
    """Refuse a change that does not name a version (428), or not the one that holds (412)."""
    seen = request.if_match
    # A star would mean "whatever it is by now": that is how others are overwritten.
    if not seen or seen.star_tag:
        raise Refused(428, "Name the version that you saw, as If-Match: its ETag.", field="If-Match")
    if not seen.contains(version_of(item)):
        raise _stale(conn, item, found)


def _stale(conn: sa.Connection, item: Item, found: StoredInsight) -> Refused:
    now = _told(found, item, _mine(), all_merged_into(conn, [item.id]))
    return Refused(412, "Somebody else was quicker. Nothing was changed.", field="If-Match", insight=now)


def version_of(item: Item) -> str:
    """Return what changes with everything that is done with an insight; merging leaves the insight's own row alone."""
    return f"{item.version}.{item.into_id or 0}"


def _mine() -> dict[int, Community]:
    return {one.id: one for one in communities_of_bearer("editor")}


def _found(conn: sa.Connection, insight_id: int, *, locked: bool = False) -> tuple[Item, StoredInsight]:
    """Return an insight that lies on a desk of the token's person; otherwise it is as if it were not there (404)."""
    if insight_id > schemas.LARGEST_ID:
        raise Refused(404, "There is no such insight on your desk.")
    item = item_of(conn, insight_id, locked=locked)
    found = on_desk(conn, service().vault, [insight_id])
    if item is None or item.on_desk_at is None or item.community_id not in _mine() or not found:
        raise Refused(404, "There is no such insight on your desk.")
    return item, found[0]


def _as_it_is(conn: sa.Connection, item: Item, found: StoredInsight, *, status: int = 200) -> Response:
    return _json(
        _told(found, item, _mine(), all_merged_into(conn, [item.id])), status, {"ETag": f'"{version_of(item)}"'}
    )


def _told(found: StoredInsight, item: Item, mine: Mapping[int, Community], merged: Mapping[int, int]) -> dict[str, Any]:
    """Return an insight as programs read it; `merged` says of others what they are merged into."""
    copy = copy_of(found, service().public_url)
    basis = basis_on_desk(found.sending)
    withheld = basis.reason if isinstance(basis, Withheld) else None
    tags = found.stored.tags if copy.speakers else ()
    return {
        "id": item.id,
        "version": version_of(item),
        "community": mine[item.community_id].slug,
        "state": item.state,
        "next_states": list(steps_from(item.state)),
        "kind": found.stored.insight.kind if found.stored.insight else "none",
        "found_at": _iso(found.found_at),
        "is_urgent": item.is_urgent,
        "is_from_before": found.sending.source == "backfill",
        "assignee": item.assignee_id,
        "is_snoozed": item.is_snoozed,
        "snoozed_until": _iso(item.snoozed_until),
        "merged_into": item.into_id,
        "merged": [id_ for id_, into_id in merged.items() if into_id == item.id],
        "discussion": {
            "id": found.discussion.id,
            "title": copy.discussion_title,
            "url": found.discussion.discussion.url,
            "summary": _address("moderators.discussion_as_json", discussion_id=found.discussion.id),
        },
        "comment_url": copy.comment_url,
        "desk_url": f"{service().public_url}/desk/insights/{item.id}",
        "types": [tag.type for tag in tags if tag.source != "earlier" and tag.status != "removed"],
        "speakers": list(copy.speakers),
        "words": None if withheld else "".join(words for words, _ in copy.segments),
        "evidence": [] if withheld else [words for words, is_evidence in copy.segments if is_evidence],
        "withheld": withheld,
        # A name is part of what may not be read.
        "credit": None if withheld else copy.credit,
        "quoting": copy.quoting,
        "contact": copy.contact,
    }


def _address(endpoint: str, **values: Any) -> str:
    return service().public_url + url_for(endpoint, **values)


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def _json(answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    response = jsonify(answer)
    response.status_code = status
    response.headers.extend(headers or {})
    return response
