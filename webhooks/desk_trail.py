"""The trail: who did what, and when. To be read and taken along; nobody can change it here."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from flask_login import current_user

from plugin import desk
from plugin.exporting import safe_cell
from plugin.store.audit import Entry, entries, first_broken, makers_of
from plugin.store.opening import reading
from plugin.store.staff import all_staff, runs_everything
from plugin.store.tokens import owners_of
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

ON_A_PAGE = 50
MOST_EXPORTED = 50_000
# A page must be quick: it looks at the newest links, and at all of them when somebody asks.
LOOKED_AT = 500
PERSON = re.compile("staff:[0-9]{1,15}")

trail = Blueprint("trail", __name__, url_prefix="/desk/trail")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was done, in words. `address` leads to what it was done to, where that has a page."""

    entry: Entry
    who: str
    act: str
    address: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: whose acts, which, on what, and between which days; nonsense is left out."""

    person: str
    act: str
    insight: int | None
    since: date | None
    until: date | None

    @property
    def filters(self) -> dict[str, Any]:
        """Return the filters of plugin.store.audit.entries, the person apart."""
        return {
            "act": self.act or None,
            "subject": f"insight:{self.insight}" if self.insight else None,
            "since": _midnight(self.since),
            "until": _midnight(self.until + timedelta(days=1)) if self.until else None,
        }


@trail.get("/")
@staff_only("editor")
def page() -> str:
    """Show what was done in the editor's communities, the newest first, and whether the chain is whole."""
    asked, before = _asked(), _number(request.args.get("before", ""))
    checks_all = request.args.get("check") == "all"
    with reading(service().db) as conn:
        found = _entries(conn, asked, before_id=before, limit=ON_A_PAGE + 1)
        lines = _lines(conn, found[:ON_A_PAGE])
        people = _to_choose(conn)
        broken = first_broken(conn, service().vault, newest=None if checks_all else LOOKED_AT)
    return render_template(
        "desk/trail.html",
        lines=lines,
        older=found[ON_A_PAGE - 1].id if len(found) > ON_A_PAGE else None,
        is_first_page=before is None,
        asked=asked,
        people=people,
        acts=ACTS,
        communities={one.id: one.name for one in communities_for("editor")},
        query={name: value for name, value in request.args.items() if name not in ("before", "check") and value},
        broken=broken,
        checks_all=checks_all,
        looked_at=LOOKED_AT,
    )


@trail.get("/trail.csv")
@staff_only("editor")
def export() -> Response:
    """Return the same rows as a table for a spreadsheet, the newest first."""
    asked = _asked()
    with reading(service().db) as conn:
        lines = _lines(conn, _entries(conn, asked, limit=MOST_EXPORTED))
    slugs = {one.id: one.slug for one in communities_for("editor")}
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for line in lines:
        one = line.entry
        place = slugs.get(one.community_id or 0, "")
        told = (
            one.id,
            one.at.astimezone(UTC).isoformat(),
            line.who,
            one.act,
            one.subject,
            place,
            one.before,
            one.after,
        )
        rows.writerow(["" if value is None else safe_cell(str(value)) for value in told])
    return Response(
        out.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": "attachment; filename=trail.csv", "Cache-Control": "no-store"},
    )


def _entries(conn: sa.Connection, asked: Asked, **more: Any) -> list[Entry]:
    mine: list[int] | None = [one.id for one in communities_for("editor")]
    if runs_everything(conn, current_user.id):
        mine = None
    return entries(conn, mine, by=_hands_of(conn, asked.person) if asked.person else None, **asked.filters, **more)


def _hands_of(conn: sa.Connection, person: str) -> list[str]:
    """Return by whom the acts of a person are told: by themselves, and by each token that they ever made."""
    return [person, *(token for token, by in makers_of(conn, "token made").items() if by == person)]


def _people(conn: sa.Connection) -> dict[str, str]:
    return {**{f"staff:{one.id}": one.email for one in all_staff(conn)}, **PROGRAMS}


def _to_choose(conn: sa.Connection) -> dict[str, str]:
    """Return whose acts somebody may look for: those who have a part in a community that they see themselves."""
    mine = {one.slug for one in communities_for("editor")} | {None}
    seen = [one for one in all_staff(conn) if not mine.isdisjoint(line.community for line in one.access)]
    return {**{f"staff:{one.id}": one.email for one in seen}, **PROGRAMS}


def _lines(conn: sa.Connection, found: Iterable[Entry]) -> list[Line]:
    found = list(found)
    people = _people(conn)
    makers = makers_of(conn, "token made")
    numbers = [int(one.by.removeprefix("token:")) for one in found if one.by.startswith("token:")]
    names = {f"token:{id_}": name for id_, (_, name) in owners_of(conn, numbers).items()}

    def who(by: str) -> str:
        if by.startswith("token:"):
            maker = makers.get(by, "")
            return (
                f"{who(maker)}, by the token “{names[by]}”"
                if by in names
                else f"{who(maker)}, by a token since removed"
            )
        return people.get(by) or "somebody of the staff who has left"

    return [Line(one, who(one.by), ACTS.get(one.act, one.act), _address(one.subject)) for one in found]


def _address(subject: str) -> str | None:
    kind, _, number = subject.partition(":")
    return ADDRESSES[kind].format(number) if kind in ADDRESSES else None


def _asked() -> Asked:
    given = request.args
    person, act = given.get("person", ""), given.get("act", "")
    return Asked(
        person=person if person in PROGRAMS or PERSON.fullmatch(person) else "",
        act=act if act in ACTS else "",
        insight=_number(given.get("insight", "")),
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
    )


def _number(text: str) -> int | None:
    # Longer ones are no row of ours, and more than a column of SQLite holds.
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else None


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in range(1970, 2200) else None


def _midnight(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


ACTS: Mapping[str, str] = {
    **desk.ACTS,
    "tag corrected": "corrected who speaks",
    "handled": "dealt with it in a queue",
    "held let through": "let through what was held",
    "held erased": "erased what was held",
    "saved a reply": "saved a reply to use again",
    "dropped a saved reply": "let go of a saved reply",
    "themes changed": "changed the theme words",
    "recall confirmed": "confirmed that a copy is gone",
    "token made": "made a token",
    "token removed": "removed a token",
    "signed in": "signed in by a link",
    "signed in by password": "signed in by password",
    "link made": "made a sign-in link",
    "staff added": "gave somebody a role",
    "staff removed": "removed an account",
    "community added": "attached the community",
    "community changed": "changed its settings",
    "community removed": "removed the community",
    "secret changed": "gave it a new secret",
}

# Who acts without an account of their own.
PROGRAMS = {"operator": "whoever runs this service", "clock": "the clock", "forum": "the forum", "author": "the author"}

ADDRESSES = {"insight": "/desk/insights/{}", "comment": "/moderators/comments/{}", "mail": "/desk/recalls/{}"}

COLUMNS = ("row", "at", "who", "act", "subject", "community", "before", "after")
