"""What the page of one insight shows: who speaks and on what proof, what stands around it, and what was done."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import abort, render_template
from flask_login import current_user

from plugin.answering import hearing_for
from plugin.consent import Purpose, answers, newest_wording
from plugin.correcting import case_of
from plugin.desk import ACTS
from plugin.duplicates import MOST_SUGGESTED, alike
from plugin.excerpts import without_personal_data
from plugin.forwarding import ForwardedCopy
from plugin.letters import copy_of
from plugin.outcomes import LONGEST_SAID, MEANINGS, Step, steps_from
from plugin.privacy import MOST_READ, personal_data_in, redacted
from plugin.replying import LONGEST_BODY
from plugin.showing import public_labels
from plugin.stakeholders import label_of
from plugin.store.audit import entries
from plugin.store.comments import StoredComment, comments_around
from plugin.store.communities import Community
from plugin.store.consents import receipts_for
from plugin.store.desk import Item, item_of, merged_into, notes_of, others_present, replies_of
from plugin.store.insights import StoredInsight, on_desk
from plugin.store.likenesses import words_to_compare
from plugin.store.outbox import CONTRIBUTOR, Progress, progress_of
from plugin.store.replies import saved_for
from plugin.store.staff import all_staff, editors_of
from plugin.store.steps import steps_with_doers
from plugin.store.tags import decisions_for, history_of
from webhooks.correcting import TagEntry, choices_of, past_of, tag_entries, version_of
from webhooks.editors import mail_words, withheld
from webhooks.staff import communities_for
from webhooks.wiring import service

MOST_AROUND = 2
LONGEST_GLIMPSE = 300
LONGEST_TELLING = 160
# What a look at the suggestions may cost: of so many the words are compared once more, without personal data.
LOOKED_AT_TWICE = 4 * MOST_SUGGESTED
MOST_HISTORY = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """One insight with all that decides what may be done with it.

    `words_kept_back` says why its words are not shown, None where they are.
    """

    found: StoredInsight
    item: Item
    community: Community
    copy: ForwardedCopy
    words_kept_back: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing was changed: a sentence, the field it is about, what others did meanwhile, what was to be saved."""

    sentence: str
    field: str | None = None
    meanwhile: tuple["Past", ...] = ()
    was_to_be: tuple[tuple[str, str], ...] = ()
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """One thing that happened to an insight: what, by whom, when; `counts` where it made a new version of it."""

    at: datetime
    who: str
    what: str
    link: str | None = None
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A comment beside the insight, as everybody may see it on the forum."""

    who: str
    at: datetime
    words: str
    url: str
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Agreed:
    """One thing that an author was asked, and what holds: yes, no, or None where they have not answered."""

    words: str
    answer: bool | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class MailLine:
    """A mail about an insight: what it was, to whom it goes, and how far it got."""

    what: str
    to: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another insight that says nearly the same, by its most telling words."""

    id: int
    score: int
    telling: str


@dataclass(frozen=True, slots=True)
class Merged:
    """An insight that is merged into the one on the page, with its own credit and its own consents."""

    id: int
    copy: ForwardedCopy
    words_kept_back: str | None


def desk_of(conn: sa.Connection, insight_id: int) -> Desk:
    """Return an insight that the person at the screen may work on; 404 for any other."""
    mine = {community.id: community for community in communities_for("editor")}
    item = item_of(conn, insight_id)
    found = on_desk(conn, service().vault, [insight_id])
    if item is None or item.on_desk_at is None or item.community_id not in mine or not found:
        abort(404)
    copy = copy_of(found[0], service().public_url)
    return Desk(found[0], item, mine[item.community_id], copy, withheld(found[0]))


def page_of(
    conn: sa.Connection,
    desk: Desk,
    *,
    act: str | None = None,
    said: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    done: str | None = None,
) -> str:
    """Return the page of an insight.

    Args:
        conn: to read with.
        desk: the insight.
        act: which form is in use: it stands open, with what was typed.
        said: what was typed there.
        problem: why nothing was changed.
        done: what was done just now.
    """
    found, item, now = desk.found, desk.item, datetime.now(UTC)
    names = names_of(conn)
    may_read = desk.words_kept_back is None
    stored, history = found.stored, history_of(conn, item.comment_id)
    case = case_of(
        decisions_for(conn, [item.comment_id]).get(item.comment_id, []), stored.comment.text, stored.comment.updated_at
    )
    shows_roles = may_read and is_credited(desk)
    return render_template(
        "desk/insight.html",
        desk=desk,
        found=found,
        item=item,
        copy=desk.copy,
        withheld=desk.words_kept_back,
        meanings=MEANINGS,
        ways=steps_from(item.state),
        act=act,
        said=said or {},
        problem=problem,
        done=done,
        others=others_present(conn, item.id, current_user.id, now),
        me=current_user.id,
        editors=editors_of(conn, [item.community_id]),
        assignee=names.get(f"staff:{item.assignee_id}", "somebody who has left") if item.assignee_id else None,
        sleeps_until=day_in(item.snoozed_until, desk.community) if item.snoozed_until else None,
        tomorrow=(now.astimezone(ZoneInfo(desk.community.time_zone)) + timedelta(days=1)).date().isoformat(),
        tags=speakers_of(desk) if shows_roles else [],
        hidden=[(type_, label_of(type_)) for type_ in case.hidden] if shows_roles else [],
        is_credited=is_credited(desk),
        addable=choices_of(case),
        tags_seen=version_of(stored.comment.updated_at, history),
        around=neighbours_of(conn, desk) if may_read else [],
        moderates=item.community_id in {one.id for one in communities_for("moderator")},
        agreed=agreed_of(desk),
        notes=[(names.get(note.by, LEFT), note) for note in notes_of(conn, service().vault, [item.id])],
        replies=[(names.get(one.by, LEFT), one) for one in replies_of(conn, service().vault, [item.id])[item.id]],
        saved=saved_for(conn, [item.community_id]),
        hearing=hearing_for(service(), conn, desk.community, item.id),
        suggestions=suggestions_for(conn, desk, now) if may_read and item.into_id is None else [],
        merged=merged_of(conn, item.id),
        past=past_lines(conn, desk, names)[::-1],
        mails=[_mail_line(one, names) for one in progress_of(conn, item.id)],
        longest=LONGEST_SAID,
        longest_reply=LONGEST_BODY,
    )


def names_of(conn: sa.Connection) -> dict[str, str]:
    """Return who of the staff is behind `staff:<id>`, by address, and what else may have done something."""
    return {f"staff:{account.id}": account.email for account in all_staff(conn)} | OTHERS


def is_credited(desk: Desk) -> bool:
    """Return whether the role of an author may stand at the desk: they may have asked for no credit at all."""
    return desk.found.credit is None or desk.found.credit.kind != "none"


def speakers_of(desk: Desk) -> list[TagEntry]:
    """Return who speaks and why we think so, the evidence without what could show who somebody is."""
    text = desk.found.stored.comment.text
    data = () if desk.copy.is_as_written else personal_data_in(text, known_names=desk.found.names)
    entries_ = []
    for entry, tag in zip(tag_entries(desk.found.stored), desk.found.stored.tags, strict=True):
        if tag.evidence is None or tag.source == "earlier":
            # What somebody said earlier stands in other words than these.
            entries_.append(replace(entry, evidence=None, why=None))
            continue
        cut, places = without_personal_data(text, data, [(tag.evidence.start, tag.evidence.end)])
        # What a moderator confirmed in words that were edited since has no place in these.
        says = cut[places[0][0] : places[0][1]] if places else None
        entries_.append(replace(entry, evidence=says, why=entry.why if says else None))
    return entries_


def neighbours_of(conn: sa.Connection, desk: Desk) -> list[Neighbour | None]:
    """Return what stands around a comment, as the public may see it; None is the place of the comment itself."""
    stored, place = desk.found.stored, desk.found.discussion.discussion
    if place.audience != "public" or stored.comment.state != "visible":
        return []
    before, after = comments_around(conn, stored, most=MOST_AROUND)
    receipts = receipts_for(conn, [one.id for one in (*before, *after)])

    def neighbour(one: StoredComment) -> Neighbour:
        labels = public_labels(one.tags, receipts[one.id], one.comment.state, desk.community.public_tags)
        text = one.comment.text
        words = redacted(text, personal_data_in(text, known_names=desk.found.names))
        return Neighbour(
            who=" and ".join(labels) or ("A guest" if one.author.kind == "guest" else "A member"),
            at=one.comment.created_at,
            words=_short(words, LONGEST_GLIMPSE),
            url=one.comment.url or place.url,
            is_answered=stored.comment.parent_id == one.comment.native_id,
        )

    return [*map(neighbour, before), None, *map(neighbour, after)]


def agreed_of(desk: Desk) -> list[Agreed]:
    """Return what the author was asked about this comment, and what they answered."""
    held = answers(desk.found.sending.receipts)
    found = []
    for purpose in PURPOSES:
        if purpose in held or purpose in ("forward", "quote", "contact"):
            answer = held.get(purpose)
            words = newest_wording(purpose).words.format(community=desk.community.name)
            found.append(Agreed(words, answer.given if answer else None, answer.at if answer else None))
    return found


def suggestions_for(conn: sa.Connection, desk: Desk, at: datetime) -> list[Suggestion]:
    """Return other insights that say nearly the same, by words that may be shown and hold no personal data."""
    text = desk.found.stored.comment.text[:MOST_READ]
    first = alike(
        text, words_to_compare(conn, desk.item.id, desk.item.community_id, at), margin=10, most=LOOKED_AT_TWICE
    )
    others = on_desk(conn, service().vault, [one.id for one in first]) if first else []
    shown = {one.insight_id: one for one in others if withheld(one) is None}
    words = {id_: _without_data(one) for id_, one in shown.items()}
    copies = {id_: copy_of(one, service().public_url) for id_, one in shown.items()}
    return [
        Suggestion(one.id, one.score, _short(words_in(copies[one.id]), LONGEST_TELLING))
        for one in alike(_without_data(desk.found), words)
    ]


def merged_of(conn: sa.Connection, insight_id: int) -> list[Merged]:
    """Return what is merged into an insight, each with its own credit and consents."""
    ids = merged_into(conn, insight_id)
    found = on_desk(conn, service().vault, ids) if ids else []
    return [Merged(one.insight_id, copy_of(one, service().public_url), withheld(one)) for one in found]


def past_lines(conn: sa.Connection, desk: Desk, names: Mapping[str, str]) -> list[Past]:
    """Return all that happened to an insight, oldest first: from the trail, its steps, and the tags of its comment."""
    item = desk.item
    trail = entries(conn, [item.community_id], subject=f"insight:{item.id}", limit=MOST_HISTORY)
    lines = [
        Past(one.at, names.get(one.by, LEFT), ACTS.get(one.act, one.act), counts=one.act not in LEAVE_THE_VERSION)
        for one in trail[::-1]
        # The step itself says more than that there was one.
        if one.act != "step"
    ]
    lines += [_step_line(by, step, names) for by, step in steps_with_doers(conn, item.id)]
    if desk.words_kept_back is None and is_credited(desk):
        lines += [
            Past(one.at, f"{one.what}, by {one.who}", f"(“{one.reason}”)" if one.reason else "")
            for one in past_of(conn, history_of(conn, item.comment_id))
        ]
    return sorted(lines, key=lambda line: line.at)


def since(conn: sa.Connection, desk: Desk, seen: int) -> tuple[Past, ...]:
    """Return what made the versions of an insight that came after the one that somebody saw."""
    lines = [line for line in past_lines(conn, desk, names_of(conn)) if line.counts]
    return tuple(lines[-(desk.item.version - seen) :]) if seen < desk.item.version else ()


def words_in(copy: ForwardedCopy) -> str:
    """Return the words of a copy in one piece."""
    return "".join(words for words, _ in copy.segments)


def day_in(at: datetime, community: Community) -> str:
    """Return the day of a moment by the clock of a community: "3 June 2026"."""
    local = at.astimezone(ZoneInfo(community.time_zone))
    return f"{local.day} {local:%B %Y}"


def beginning_of(day: str, community: Community) -> datetime | None:
    """Return when a day ("2026-06-03") begins by the clock of a community, or None where it is no day."""
    try:
        return datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo(community.time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _step_line(by: str, step: Step, names: Mapping[str, str]) -> Past:
    said = [part for part in (step.title, step.body, step.reason) if part]
    what = f"made it “{MEANINGS[step.state].label}”" + (f": {'; '.join(said)}" if said else "")
    return Past(step.at, names.get(by, LEFT), what, step.link, counts=True)


def _mail_line(one: Progress, names: Mapping[str, str]) -> MailLine:
    status = mail_words(one.status) + (f": {one.reason}" if one.reason else "")
    if one.confirmed_at:
        status = "Somebody said that the copy is gone"
    to = names.get(one.recipient, one.recipient)
    if one.recipient == CONTRIBUTOR:
        to = "its author"
    elif one.kind.startswith("insight."):
        to = "a program of the community"
    return MailLine(MAILS.get(one.kind, "A mail about it"), to, status, one.at)


def _without_data(found: StoredInsight) -> str:
    text = found.stored.comment.text[:MOST_READ]
    return redacted(text, personal_data_in(text, known_names=found.names))


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[:most].rstrip() + "…"


LEFT = "somebody who has left"

# Who else than the staff does something with an insight.
OTHERS = {"author": "its author", "forum": "the forum", "clock": "the clock"}

# What is written down beside an insight and makes no new version of it.
LEAVE_THE_VERSION = ("noted", "merged", "unmerged")

PURPOSES: tuple[Purpose, ...] = ("forward", "quote", "contact", "details", "themes", "show_tag", "join_group")

MAILS = {
    "forward": "The insight",
    "urgent": "That it may be urgent",
    "recall": "To delete the copy",
    "reply": "That an answer is there",
    "enclosed": "The insight, in a digest",
    "assigned": "That it was given to them",
    "reopened": "That it was reopened",
    "woken": "That it is no longer asleep",
    "routed": "That a rule hands it to them",
    "insight.new": "The insight",
    "insight.step": "What became of it",
    "insight.recalled": "To delete the copy",
}
