"""Where moderators correct who speaks in a comment: one tag at a time, or many from a queue."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.correcting import Case, Correction, NotDone, case_of, rulings_for
from plugin.crediting import source_words, speaker_words
from plugin.deciding import Decided
from plugin.excerpts import Piece, pieces_of
from plugin.explaining import explanation_of
from plugin.model import Tag
from plugin.stakeholders import all_types, label_of, main_types, other_types
from plugin.store.audit import record
from plugin.store.comments import StoredComment, comment_by_id
from plugin.store.communities import Community, community_by_id
from plugin.store.discussions import StoredDiscussion, discussion_by_id
from plugin.store.opening import reading, writing
from plugin.store.staff import all_staff
from plugin.store.tables import comments
from plugin.store.tags import HistoryLine, decide_tag, decisions_for, history_of
from plugin.telling import tell_tags
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

correcting = Blueprint("correcting", __name__, url_prefix="/moderators/comments")


@dataclass(frozen=True, slots=True)
class TagEntry:
    """A standing tag as the page shows it, and what may be done with it."""

    type: str
    label: str
    speaker: str
    source: str
    evidence: str | None
    why: str | None
    is_authors: bool
    may_confirm: bool


@dataclass(frozen=True, slots=True)
class PastEntry:
    """One line of the history in words."""

    what: str
    who: str
    reason: str | None
    at: datetime


class ComeTooLate(Exception):  # noqa: N818 - named for the fact
    """Something was decided about the comment after the page was opened."""


@correcting.get("/<int:comment_id>")
@staff_only("moderator")
def comment(comment_id: int) -> str:
    """Show a comment's tags, why they stand, all that was decided about them, and the forms to correct them."""
    with reading(service().db) as conn:
        return _page(conn, comment_id)


@correcting.post("/<int:comment_id>")
@staff_only("moderator")
def correct(comment_id: int) -> ResponseReturnValue:
    """Make one correction, unless the comment has changed since the page was opened (409)."""
    asked = asked_for(request.form.get("type", ""))
    try:
        with writing(service().db) as conn:
            _mine(conn, comment_id)
            lock_as_seen(conn, comment_id, request.form.get("seen", ""))
            make_correction(conn, comment_id, asked)
    except (NotDone, ComeTooLate) as problem:
        with reading(service().db) as conn:
            page = _page(conn, comment_id, asked=asked, problem=problem)
        return page, 409
    return redirect(url_for("correcting.comment", comment_id=comment_id, done=asked.act), 303)


def asked_for(type_: str) -> Correction:
    """Return what the form in the request asks to do with a tag of this type."""
    form = request.form
    reason = " ".join(form.get("reason", "").split())
    return Correction(form.get("act", ""), type_, form.get("other", ""), reason)  # type: ignore[arg-type]


def lock_as_seen(conn: sa.Connection, comment_id: int, seen: str) -> None:
    """Keep others from deciding about a comment; raise `ComeTooLate` where it is not as the moderator saw it.

    Args:
        conn: inside a transaction.
        comment_id: which comment.
        seen: the version of the comment that the moderator had before them (`version_of`).
    """
    row = conn.execute(sa.select(comments.c.text_at).where(comments.c.id == comment_id).with_for_update()).one()
    if seen != version_of(row.text_at, history_of(conn, comment_id)):
        raise ComeTooLate


def make_correction(conn: sa.Connection, comment_id: int, asked: Correction) -> None:
    """Write a correction down; raise `NotDone`, with nothing written, where it may not be made."""
    facts = sa.select(comments.c.text, comments.c.text_at, comments.c.community_id)
    row = conn.execute(facts.where(comments.c.id == comment_id)).one()
    case = case_of(decisions_for(conn, [comment_id]).get(comment_id, []), row.text, row.text_at)
    by, now = f"staff:{current_user.id}", datetime.now(UTC)
    for type_, decided in rulings_for(asked, case):
        tag = Tag(type_, 1.0, None, "moderator", source="moderator")
        decide_tag(conn, comment_id, tag, decided, source="moderator", by=by, at=now, reason=asked.reason or None)
    record(
        conn,
        service().vault,
        by=by,
        act="tag corrected",
        subject=f"comment:{comment_id}",
        at=now,
        community_id=row.community_id,
        before={"standing": [tag.type for tag in case.standing]},
        after=asdict(asked),
    )
    community = community_by_id(conn, row.community_id)
    if community is not None:
        # What shows beside the comment on the forum, by its author's consent, follows at once.
        tell_tags(service(), conn, community, comment_id)


def version_of(text_at: datetime | None, history: list[HistoryLine]) -> str:
    """Return what changes with a comment's words and with each decision about its tags."""
    newest = history[-1].id if history else 0
    return f"{newest}.{round(text_at.timestamp() * 1_000_000) if text_at else 0}"


def meanwhile(conn: sa.Connection, comment_id: int, seen: str) -> list[PastEntry]:
    """Return what was decided about a comment since a version of it."""
    newest = seen.partition(".")[0]
    known = int(newest) if newest.isascii() and newest.isdigit() else 0
    return past_of(conn, [line for line in history_of(conn, comment_id) if line.id > known])


def _mine(conn: sa.Connection, comment_id: int) -> tuple[StoredComment, StoredDiscussion, Community]:
    mine = {community.id: community for community in communities_for("moderator")}
    stored = comment_by_id(conn, comment_id)
    place = discussion_by_id(conn, stored.discussion_id) if stored else None
    if stored is None or place is None or place.community_id not in mine:
        abort(404)
    # Words that somebody sent to the editors alone are not the moderators' to read.
    if stored.comment.state == "direct":
        abort(404)
    return stored, place, mine[place.community_id]


def _page(
    conn: sa.Connection, comment_id: int, *, asked: Correction | None = None, problem: Exception | None = None
) -> str:
    stored, place, _ = _mine(conn, comment_id)
    history = history_of(conn, comment_id)
    case = case_of(
        decisions_for(conn, [comment_id]).get(comment_id, []), stored.comment.text, stored.comment.updated_at
    )
    came_late = isinstance(problem, ComeTooLate)
    return render_template(
        "moderators/comment.html",
        stored=stored,
        place=place,
        pieces=_pieces(stored),
        tags=tag_entries(stored),
        hidden=[(type_, label_of(type_)) for type_ in case.hidden],
        # What the author said is not right is theirs to say; what stands is there already.
        addable=choices_of(case),
        history=past_of(conn, history)[::-1],
        seen=version_of(stored.comment.updated_at, history),
        asked=asked,
        problem=None if came_late or problem is None else str(problem),
        came_late=came_late,
        meanwhile=meanwhile(conn, comment_id, request.form.get("seen", "")) if came_late else [],
        done=DONE.get(request.args.get("done", "")),
    )


def _pieces(stored: StoredComment) -> tuple[Piece, ...]:
    spans = [(tag.evidence.start, tag.evidence.end) for tag in stored.tags if tag.evidence]
    return pieces_of(stored.comment.text, says=spans)


def tag_entries(stored: StoredComment) -> list[TagEntry]:
    """Return the standing tags of a comment as a page shows them, each with why it stands."""
    reasons = {one.type: one.reason for one in explanation_of(stored.comment.text).findings if one.counted}
    return [
        TagEntry(
            tag.type,
            label_of(tag.type),
            speaker_words(tag),
            source_words(tag),
            tag.evidence.text if tag.evidence else None,
            reasons.get(tag.type) if tag.evidence else None,
            is_authors=tag.source == "author",
            may_confirm=tag.source not in ("author", "moderator"),
        )
        for tag in stored.tags
    ]


def choices_of(case: Case) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the types that may be added, in groups: a heading, and each type with its label."""
    taken = {tag.type for tag in case.standing} | set(case.hidden)
    taken |= {type_ for type_ in all_types() if case.last_of(type_, "author") == "removed"}
    return [
        (heading, [(type_, label_of(type_)) for type_ in types if type_ not in taken])
        for heading, types in (("Most often", main_types()), ("More", other_types()))
    ]


def past_of(conn: sa.Connection, history: list[HistoryLine]) -> list[PastEntry]:
    """Return what was decided about a comment's tags, in words."""
    addresses = {f"staff:{account.id}": account.email for account in all_staff(conn)}
    return [
        PastEntry(
            f"{label_of(line.type)}: {PAST[line.decided]}",
            WHO.get(line.by) or addresses.get(line.by) or "somebody of the staff who has left",
            line.reason,
            line.at,
        )
        for line in history
    ]


PAST: dict[Decided, str] = {
    "suggested": "found",
    "confirmed": "set or confirmed",
    "removed": "removed",
    "hidden": "hidden",
}

WHO = {
    "tagger": "the program, in the words of the comment",
    "profile": "the author’s profile on the forum",
    "author": "the author",
}

DONE = {
    "confirm": "The tag is confirmed.",
    "change": "The tag is changed.",
    "add": "The tag is added.",
    "remove": "The tag is removed.",
    "hide": "The tag is hidden.",
    "show": "The tag is shown again.",
}
