"""One act with many insights: each is done or left on its own, and the page says which were left and why."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.desk import ACTS, Actor, assign, snooze, take
from plugin.outcomes import LEAST_SAID, LONGEST_SAID, MEANINGS, NotAllowed, NotSaid, Step
from plugin.store.audit import entries
from plugin.store.communities import Community
from plugin.store.desk import Item, Stale, item_of
from plugin.store.insights import on_desk
from plugin.store.opening import reading, writing
from plugin.store.staff import all_staff
from plugin.wording import one_line
from webhooks.desk_filters import MANY_ON_A_PAGE, MOST_ID, Unknown, day_in
from webhooks.editors import PLAIN_STEPS, Left, Report, desk, filters_here, list_page
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

GONE = "It is not on your desk any more."

# What is done with one of the ticked insights.
Deed = Callable[[sa.Connection, Item, Actor], object]


@desk.post("/bulk")
@staff_only("editor")
def bulk() -> ResponseReturnValue:
    """Do one thing with all that was ticked; whatever can go goes."""
    ticked = _ticked(request.form.getlist("item"))
    typed = {name: value for name, value in request.form.items() if name not in ("csrf_token", "item")}
    now = datetime.now(UTC)
    try:
        if not ticked:
            raise NotSaid("found", "Nothing was ticked, so nothing was changed.")
        if len(ticked) > MANY_ON_A_PAGE:
            raise NotSaid("found", f"That is more than {MANY_ON_A_PAGE} at once, so nothing was changed.")
        deed = _deed(now)
    except NotSaid as missing:
        return list_page(Report(error=str(missing), where=missing.field, typed=typed, ticked=ticked)), 422
    mine = {community.id for community in communities_for("editor")}
    left = [one for insight_id, seen in ticked.items() if (one := _left(deed, mine, insight_id, seen, now))]
    done = len(ticked) - len(left)
    if left:
        return list_page(Report(done=done, left=left, typed=typed, ticked=[one.id for one in left])), 409
    return redirect(url_for("editors.insights", **filters_here().page, done=done), 303)  # type: ignore[arg-type]


def _ticked(values: list[str]) -> dict[int, int]:
    """Return the insights that were ticked, each with the version that was seen; what is neither is left out."""
    pairs = (value.partition(":") for value in values)
    return {
        int(insight_id): int(seen)
        for insight_id, _, seen in pairs
        if all(one.isascii() and one.isdigit() and len(one) <= 10 and int(one) < MOST_ID for one in (insight_id, seen))
    }


def _left(deed: Deed, mine: Collection[int], insight_id: int, seen: int, now: datetime) -> Left | None:
    """Do it with one, in a transaction of its own; return why it was left where it did not go."""
    try:
        with writing(service().db) as conn:
            item = item_of(conn, insight_id, locked=True)
            if item is None or item.on_desk_at is None or item.community_id not in mine:
                return Left(insight_id, f"Insight {insight_id}", GONE, None)
            # Said before anything else: that somebody was quicker may be why it cannot be done any more.
            if item.version != seen:
                raise Stale(item)
            deed(conn, item, Actor(f"staff:{current_user.id}", now, seen))
    except Stale:
        return _told(insight_id, None)
    except (NotAllowed, NotSaid) as wrong:
        return _told(insight_id, str(wrong))
    return None


def _told(insight_id: int, why: str | None) -> Left:
    with reading(service().db) as conn:
        item = item_of(conn, insight_id)
        if item is None:
            return Left(insight_id, f"Insight {insight_id}", GONE, None)
        found = on_desk(conn, service().vault, [insight_id])
        title = found[0].discussion.discussion.title if found else ""
        return Left(insight_id, title or "A page without a title", why or _meanwhile(conn, item), item.version)


def _meanwhile(conn: sa.Connection, item: Item) -> str:
    """Return who was quicker, and what they did."""
    done = entries(conn, [item.community_id], subject=f"insight:{item.id}", limit=20)
    last = next((entry for entry in done if entry.act in CHANGES), None)
    now = f"It is “{MEANINGS[item.state].label}” now."
    if last is None:
        return f"It was changed meanwhile. {now}"
    addresses = {f"staff:{account.id}": account.email for account in all_staff(conn)}
    who = OTHERS.get(last.by) or addresses.get(last.by, "somebody else")
    return f"Since you opened the page, {who} {ACTS[last.act]}. {now}"


def _deed(now: datetime) -> Deed:
    """Return what the form asks for; raise NotSaid where something belongs to it that is not there."""
    make = DEEDS.get(request.form.get("act", ""))
    if make is None:
        raise NotSaid("act", "Please choose what to do with the ticked ones.")
    return make(request.form, now)


def _giving(form: Mapping[str, str], _: datetime) -> Deed:
    whom = form.get("assignee", "")
    if not (whom.isascii() and whom.isdigit()) or not int(whom[:10]) < MOST_ID:
        raise NotSaid("assignee", "Please choose whom to give them to.")
    return lambda conn, item, actor: assign(service(), conn, item.id, int(whom) or None, actor)


def _sleeping(form: Mapping[str, str], now: datetime) -> Deed:
    communities = {community.id: community for community in communities_for("editor")}
    until = {id_: _until(form, community, now) for id_, community in communities.items()}
    return lambda conn, item, actor: snooze(service(), conn, item.id, until[item.community_id], actor)


def _until(form: Mapping[str, str], community: Community, now: datetime) -> datetime | None:
    """Return when a day begins where a community is, None for a sleep until a reply."""
    zone = ZoneInfo(community.time_zone)
    wanted = form.get("sleep", "")
    if wanted == "reply":
        return None
    if wanted in SLEEPS:
        return day_in((now.astimezone(zone) + SLEEPS[wanted]).date().isoformat(), zone).astimezone(UTC)
    try:
        until = day_in(form.get("until", ""), zone).astimezone(UTC)
    except Unknown:
        raise NotSaid("until", "Please give the day on which they come back.") from None
    if until <= now:
        raise NotSaid("until", "Please choose a day that is still to come.")
    return until


def _stepping(form: Mapping[str, str], now: datetime) -> Deed:
    state = next((one for one in PLAIN_STEPS if one == form.get("step")), None)
    if state is None:
        raise NotSaid("step", "Please choose where they stand now.")
    return lambda conn, item, actor: take(service(), conn, item.id, Step(state, now), actor)


def _not_using(form: Mapping[str, str], now: datetime) -> Deed:
    reason = one_line(form.get("reason", ""))[:LONGEST_SAID]
    if len(reason) < LEAST_SAID:
        raise NotSaid("reason", f"Please say more: at least {LEAST_SAID} characters. The contributors read this.")
    return lambda conn, item, actor: take(service(), conn, item.id, Step("not_used", now, reason=reason), actor)


DEEDS: Mapping[str, Callable[[Mapping[str, str], datetime], Deed]] = {
    "assign": _giving,
    "snooze": _sleeping,
    "step": _stepping,
    "not_used": _not_using,
}

SLEEPS = {"tomorrow": timedelta(days=1), "week": timedelta(days=7)}

# Acts after which an insight has another version.
CHANGES = ("assigned", "snoozed", "woken", "step", "replied")

OTHERS = {"author": "its author", "forum": "the forum", "clock": "the clock"}
