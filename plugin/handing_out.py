"""Hand insights on to whoever chose to hear of them: editors one by one, rules, and digests by the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from plugin import desk
from plugin.chores import MONDAY
from plugin.delivery import forward_to, put_desk_digest, tell_receiver, tell_staff
from plugin.desk import Actor
from plugin.outcomes import NotAllowed
from plugin.routing import Rule, Target, targets_for
from plugin.service import Service
from plugin.store.addresses import Frequency
from plugin.store.communities import Community, community_by_id
from plugin.store.desk import Item, item_of
from plugin.store.desk_letters import DIGESTS, wishes_for
from plugin.store.opening import writing
from plugin.store.receivers import receiver_by_id
from plugin.store.routes import facts_of, rules_of
from plugin.store.staff import communities_open_to, may_edit


def hand_out(service: Service, subject: str) -> None:
    """Hand on the insight of a job, named `<insight>.<moment>`: to who wants each, and to whom the rules say.

    Done again it puts up nothing twice: every copy has an id of its own.
    """
    with writing(service.db, patient=True) as conn:
        item = item_of(conn, int(subject.partition(".")[0]))
        community = community_by_id(conn, item.community_id) if item else None
        if item is None or community is None or item.on_desk_at is None:
            return
        for wish in wishes_for(conn, ["each"]):
            if may_edit(conn, wish.user_id, community.id):
                forward_to(service, conn, community, item.id, wish.user_id)
        facts = facts_of(conn, [item.id])[item.id]
        for target, rule in targets_for(rules_of(conn, community.id), facts).items():
            _do(service, conn, community, item, target, rule)


def give_up(_service: Service, _subject: str) -> None:
    """Leave it at the copies that everybody has: the insight stands on the desk."""


def send_desk_digests(service: Service, at: datetime) -> None:
    """Put up each digest whose hour has come; one that was missed comes with the next full hour."""
    with writing(service.db, patient=True) as conn:
        for wish in wishes_for(conn, DIGESTS):
            theirs = communities_open_to(conn, wish.user_id, "editor")
            if not theirs:
                continue
            zone = ZoneInfo(theirs[0].time_zone)
            begun = period_begun(wish.frequency, wish.hour, at.astimezone(zone))
            if wish.told_up_to < begun.astimezone(UTC):
                put_desk_digest(service, conn, theirs[0].id, wish.user_id, f"{wish.frequency}-{begun:%Y-%m-%d}", at)


def period_begun(frequency: Frequency, hour: int, local: datetime) -> datetime:
    """Return when the newest period of a digest ended, by a community's own clock: it is due from then on.

    In the night in which the clock leaps over the hour it is due after the leap, and in the one that has the hour
    twice at the first of them.
    """
    begun = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    if frequency == "weekly":
        begun -= timedelta(days=(local.weekday() - MONDAY) % 7)
    if local.replace(fold=0) < begun:
        begun -= timedelta(days=7 if frequency == "weekly" else 1)
    return begun


def wake_sleepers(service: Service, at: datetime) -> None:
    """Bring the insights back to the desk whose day has come."""
    with writing(service.db, patient=True) as conn:
        desk.wake_sleepers(service, conn, at)


def _do(service: Service, conn: sa.Connection, community: Community, item: Item, target: Target, rule: Rule) -> None:
    if target.deed == "webhook":
        receiver = receiver_by_id(conn, target.id)
        if receiver and receiver.community_id == community.id:
            tell_receiver(service, conn, community, item.id, receiver.id)
    elif not may_edit(conn, target.id, community.id):
        return
    elif target.deed == "mail":
        if item.is_urgent:
            # Its words went to the moderators; an editor is pointed to the desk.
            tell_staff(service, conn, "routed", item, target.id, "urgent")
        else:
            forward_to(service, conn, community, item.id, target.id)
    elif item.assignee_id is None and item.version == 1:
        try:
            desk.assign(service, conn, item.id, target.id, Actor(f"rule:{rule.id}", datetime.now(UTC)))
        except NotAllowed:
            return
