"""What editors do with an insight: each act in one place, for the pages and for programs, with a line in the trail.

An act names the version that its doer saw. Where somebody else was quicker it changes nothing and says so (Stale).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from plugin.delivery import tell_contributor, tell_staff, tell_step
from plugin.outcomes import MEANINGS, NotAllowed, NotSaid, Step, check_step
from plugin.service import Service
from plugin.store import desk
from plugin.store.addresses import address_of
from plugin.store.audit import record
from plugin.store.desk import Item
from plugin.store.desk_letters import DIGESTS, wish_of
from plugin.store.insights import author_of
from plugin.store.outbox import STAFF
from plugin.store.staff import may_edit
from plugin.store.steps import add_step

LONGEST_NOTE = 5_000
LONGEST_REPLY = 5_000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as `staff:<id>`; when; and which version they saw, None where that does not matter.

    `through`: the token of the program that acted for them, as `token:<id>`; the trail names it.
    """

    by: str
    at: datetime
    seen: int | None = None
    through: str | None = None


def assign(service: Service, conn: sa.Connection, insight_id: int, user_id: int | None, actor: Actor) -> Item:
    """Give an insight to an editor of its community, or to nobody; raise NotAllowed where they are none."""
    item = _item(conn, insight_id)
    if user_id is not None and not may_edit(conn, user_id, item.community_id):
        raise NotAllowed("They are no editor of this community.")
    changed = _change(service, conn, item, actor, "assigned", assignee_id=user_id)
    if user_id is not None and user_id != item.assignee_id and actor.by != f"{STAFF}{user_id}":
        tell_staff(service, conn, "assigned", changed, user_id, str(changed.version))
    return changed


def snooze(service: Service, conn: sa.Connection, insight_id: int, until: datetime | None, actor: Actor) -> Item:
    """Put an insight out of the way until a moment or a reply, whichever is first; without a moment, until a reply.

    Raises NotSaid for a moment that is past, NotAllowed for what is urgent.
    """
    item = _item(conn, insight_id)
    if item.is_urgent:
        raise NotAllowed("What is urgent cannot be put out of the way.")
    if until is not None and until <= actor.at:
        raise NotSaid("until", "Please choose a day that is still to come.")
    return _change(service, conn, item, actor, "snoozed", is_snoozed=True, snoozed_until=until)


def wake(service: Service, conn: sa.Connection, insight_id: int, actor: Actor) -> Item:
    """Bring an insight back that was put out of the way."""
    return _change(service, conn, _item(conn, insight_id), actor, "woken", is_snoozed=False, snoozed_until=None)


def take(service: Service, conn: sa.Connection, insight_id: int, step: Step, actor: Actor) -> Item:
    """Take a step with an insight and with all that is merged into it; their authors are told where it is news.

    Raises NotAllowed for a step that cannot be taken from here, NotSaid where something belongs to it, Stale. One that
    is merged is left alone where the step is not for it.
    """
    item = _item(conn, insight_id)
    check_step(item.state, step)
    changed = _take(service, conn, item, step, actor)
    for other_id in desk.merged_into(conn, insight_id):
        other = _item(conn, other_id)
        try:
            check_step(other.state, step)
        except NotAllowed:
            continue
        _take(service, conn, other, step, replace(actor, seen=None))
    return changed


def note(service: Service, conn: sa.Connection, insight_id: int, text: str, actor: Actor) -> None:
    """Keep a note for the other editors; it changes nothing that somebody else could have overwritten."""
    item = _item(conn, insight_id)
    _said("note", text, LONGEST_NOTE)
    desk.add_note(conn, service.vault, item.id, text, by=actor.by, at=actor.at)
    _record(service, conn, item, actor, "noted", None, {"note": text})


def reply(service: Service, conn: sa.Connection, insight_id: int, text: str, actor: Actor) -> int:
    """Answer the author of an insight: it stands on their own page. Return the reply's id."""
    item = _item(conn, insight_id)
    _said("reply", text, LONGEST_REPLY)
    desk.changed(conn, item, actor.seen)
    new = desk.add_reply(conn, service.vault, item.id, text, by=actor.by, at=actor.at)
    _record(service, conn, item, actor, "replied", None, {"reply": text})
    return new


def merge(service: Service, conn: sa.Connection, insight_id: int, into_id: int, actor: Actor) -> None:
    """Treat one insight as the same as another; both keep their rows, consents and credits.

    Raises NotAllowed where they are of two communities, one and the same, or merged already.
    """
    item, into = _item(conn, insight_id), _item(conn, into_id)
    if item.id == into.id:
        raise NotAllowed("An insight cannot be merged into itself.")
    if item.community_id != into.community_id:
        raise NotAllowed("They are of two communities.")
    if item.into_id is not None or into.into_id is not None:
        raise NotAllowed("One of them is merged into another already.")
    if actor.seen is not None and actor.seen != item.version:
        raise desk.Stale(item)
    desk.set_merge(conn, item.id, into.id, by=actor.by, at=actor.at)
    _record(service, conn, item, actor, "merged", None, {"into": into.id})


def unmerge(service: Service, conn: sa.Connection, insight_id: int, actor: Actor) -> None:
    """Take an insight out of what it was merged into; raise NotAllowed where it was in none."""
    item = _item(conn, insight_id)
    if not desk.undo_merge(conn, item.id):
        raise NotAllowed("It is not merged into another.")
    _record(service, conn, item, actor, "unmerged", {"into": item.into_id}, None)


def reopen(service: Service, conn: sa.Connection, insight_id: int, *, by: str, at: datetime) -> Item:
    """Bring an insight back because of what its author or the forum did: a reply, an edit, a withdrawal.

    What sleeps wakes; what was dealt with is reopened; what nobody has dealt with stays as it is.
    """
    item = _item(conn, insight_id)
    if item.into_id is not None:
        item = _item(conn, item.into_id)
    actor, slept = Actor(by, at), item.is_snoozed
    if slept:
        item = wake(service, conn, item.id, actor)
    step = Step("reopened", at)
    try:
        check_step(item.state, step)
    except NotAllowed:
        if slept:
            _tell_of_waking(service, conn, item, at)
        return item
    reopened = _take(service, conn, item, step, actor)
    if reopened.assignee_id is not None:
        tell_staff(service, conn, "reopened", reopened, reopened.assignee_id, str(reopened.version))
    return reopened


def wake_sleepers(service: Service, conn: sa.Connection, at: datetime) -> int:
    """Bring back whatever slept until now, and return how many that were."""
    sleepers = desk.awake(conn, at)
    for item in sleepers:
        _change(service, conn, item, Actor("clock", at), "woken", is_snoozed=False, snoozed_until=None)
    return len(sleepers)


def _item(conn: sa.Connection, insight_id: int) -> Item:
    item = desk.item_of(conn, insight_id, locked=True)
    if item is None:
        raise LookupError(insight_id)
    return item


def _take(service: Service, conn: sa.Connection, item: Item, step: Step, actor: Actor) -> Item:
    # What something was decided about is out of the way no longer.
    changed = desk.changed(conn, item, actor.seen, state=step.state, is_snoozed=False, snoozed_until=None)
    add_step(conn, item.id, step, by=actor.by)
    after = {"state": step.state, "title": step.title, "link": step.link, "body": step.body, "reason": step.reason}
    _record(service, conn, item, actor, "step", {"state": item.state}, after)
    _tell(service, conn, item, step)
    tell_step(service, conn, changed)
    return changed


def _tell(service: Service, conn: sa.Connection, item: Item, step: Step) -> None:
    author = author_of(conn, item.id)
    if author is None or not MEANINGS[step.state].is_news:
        return
    author_id, community_id = author
    address = address_of(conn, service.vault, author_id)
    if address and address.verified_at and address.frequency == "each":
        tell_contributor(service, conn, community_id, author_id)


def _tell_of_waking(service: Service, conn: sa.Connection, item: Item, at: datetime) -> None:
    """Tell whoever has it: in their digest where they chose one, by a mail of its own where they did not."""
    desk.note_waking(conn, item.id, at)
    wish = wish_of(conn, item.assignee_id) if item.assignee_id is not None else None
    if item.assignee_id is not None and not (wish and wish.frequency in DIGESTS):
        tell_staff(service, conn, "woken", item, item.assignee_id, str(item.version))


def _change(service: Service, conn: sa.Connection, item: Item, actor: Actor, act: str, **values: Any) -> Item:
    changed = desk.changed(conn, item, actor.seen, **values)
    before = {name: getattr(item, name) for name in values}
    _record(service, conn, item, actor, act, before, values)
    return changed


def _record(
    service: Service,
    conn: sa.Connection,
    item: Item,
    actor: Actor,
    act: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    record(
        conn,
        service.vault,
        by=actor.through or actor.by,
        act=act,
        subject=f"insight:{item.id}",
        at=actor.at,
        community_id=item.community_id,
        before=before,
        after=after,
    )


def _said(field: str, text: str, longest: int) -> None:
    if not text.strip():
        raise NotSaid(field, "There is nothing in it yet.")
    if len(text) > longest:
        raise NotSaid(field, f"That is longer than {longest:,} characters.")


# What the trail calls each act.
ACTS: Mapping[str, str] = {
    "assigned": "gave it to somebody, or to nobody",
    "snoozed": "put it out of the way",
    "woken": "brought it back",
    "step": "said what became of it",
    "noted": "wrote a note",
    "replied": "answered its author",
    "merged": "merged it into another",
    "unmerged": "took it out of another",
    "exported": "took a list away as a file",
    "mail_tried": "had a mail tried again",
    "rule_added": "added a rule",
    "rule_removed": "took a rule away",
    "receiver_added": "added a receiver",
    "receiver_removed": "took a receiver away",
    "receiver_resumed": "let a receiver be told again",
    "view_saved": "kept a view",
    "view_removed": "let go of a view",
    "desk_letter_chosen": "chose how to hear of insights",
    "weekly_letter_chosen": "chose whether to get the letter of the week",
}
