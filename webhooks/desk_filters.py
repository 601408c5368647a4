"""The filter of the desk as it stands in the address: whatever is wrong in it is left out, and said."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from werkzeug.datastructures import MultiDict

from plugin.forwarding import KINDS
from plugin.model import InsightKind
from plugin.outcomes import MEANINGS, State
from plugin.stakeholders import all_types, label_of
from plugin.store.communities import Community
from plugin.store.listing import OPEN, Wanted
from plugin.store.staff import editors_of
from plugin.store.themes import current_theme_lexicon
from plugin.wording import one_line

ON_A_PAGE = 25
MANY_ON_A_PAGE = 200
LONGEST_WORDS = 200
ANY = "any"
# Dates outside of these are slips of a finger, and cannot be moved between time zones at the very ends.
FIRST_YEAR, LAST_YEAR = 2000, 2100
MOST_ID = 2**31


class Unknown(ValueError):  # noqa: N818 - named for the fact
    """A value of the filter that means nothing. The message is a sentence."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody may choose from: their communities, the editors and themes of these, and who and when it is."""

    communities: tuple[Community, ...]
    editors: Mapping[int, str]
    themes: Mapping[str, str]
    me: int
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone that days are meant in."""
        return ZoneInfo(self.communities[0].time_zone) if self.communities else ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Filters:
    """A filter as it was understood.

    `said` is what is left of the address, `wrong` says in sentences what was left out of it. `on_a_page` and `before`
    say which page, and belong to no saved view.
    """

    wanted: Wanted
    community_ids: tuple[int, ...]
    said: Mapping[str, list[str]] = field(default_factory=dict)
    wrong: tuple[str, ...] = ()
    on_a_page: int = ON_A_PAGE
    before: int | None = None

    @property
    def query(self) -> str:
        """Return the filter as it stands in an address; empty where nothing was chosen."""
        return urlencode(self.said, doseq=True)

    @property
    def page(self) -> dict[str, list[str]]:
        """Return the filter with the size of the page, for addresses of other pages of the same list."""
        return {**self.said, **({"size": [str(self.on_a_page)]} if self.on_a_page != ON_A_PAGE else {})}


def choices_for(conn: sa.Connection, communities: Iterable[Community], me: int) -> Choices:
    """Return what an editor of these communities may choose from now."""
    mine = tuple(communities)
    themes = {theme.id: theme.label for one in mine for theme in current_theme_lexicon(conn, one.id).words.themes}
    by_label = dict(sorted(themes.items(), key=lambda item: item[1].casefold()))
    return Choices(mine, editors_of(conn, [one.id for one in mine]), by_label, me, datetime.now(UTC))


def filters_from(args: MultiDict[str, str], choices: Choices) -> Filters:
    """Return the filter that an address asks for; what means nothing is left out and said."""
    fields: dict[str, Any] = {"states": OPEN}
    said: dict[str, list[str]] = {}
    wrong: list[str] = []
    here = _communities(args, choices, said, wrong)
    # Days are meant as the community that was chosen counts them.
    narrowed = replace(choices, communities=here)
    for name, reader in READERS.items():
        values = [value for one in args.getlist(name) if (value := one_line(one))]
        if not values:
            continue
        try:
            found = reader(values, narrowed)
        except Unknown as unknown:
            wrong.append(f"{unknown} It was left out.")
            continue
        # Of two bounds of the age the later one holds.
        if "found_from" in found and "found_from" in fields:
            found["found_from"] = max(found["found_from"], fields["found_from"])
        fields |= found
        said[name] = list(dict.fromkeys(values)) if name == "state" else values[:1]
    wanted = Wanted(**fields)
    if wanted.found_from and wanted.found_before and wanted.found_from >= wanted.found_before:
        wrong.append("The first day is later than the last one, so nothing can fit.")
    size = MANY_ON_A_PAGE if args.get("size") == str(MANY_ON_A_PAGE) else ON_A_PAGE
    before = args.get("before", type=int)
    if before is not None and not 0 < before < MOST_ID:
        before = None
    return Filters(wanted, tuple(one.id for one in here), said, tuple(wrong), size, before)


def day_in(value: str, zone: ZoneInfo) -> datetime:
    """Return when a day that somebody typed begins; raise Unknown where it is none."""
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise Unknown(f"“{value[:40]}” is no day. Please write it like 2026-11-23.") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Unknown(f"“{value[:40]}” is too far away.")
    return datetime.combine(found, time(), zone)


def _communities(
    args: MultiDict[str, str], choices: Choices, said: dict[str, list[str]], wrong: list[str]
) -> tuple[Community, ...]:
    slug = args.get("community", "")
    chosen = tuple(one for one in choices.communities if one.slug == slug)
    if chosen:
        said["community"] = [slug]
    elif slug:
        wrong.append(f"“{slug[:40]}” is no community of yours. It was left out.")
    return chosen or choices.communities


def _states(values: list[str], _: Choices) -> dict[str, Any]:
    if ANY in values:
        return {"states": ()}
    return {"states": tuple(cast(State, _known(value, MEANINGS, "no state")) for value in values)}


def _type(values: list[str], _: Choices) -> dict[str, Any]:
    return {"type": _known(values[0], all_types(), "no stakeholder type")}


def _theme(values: list[str], choices: Choices) -> dict[str, Any]:
    return {"theme": _known(values[0], choices.themes, "no theme on the list")}


def _kind(values: list[str], _: Choices) -> dict[str, Any]:
    return {"kind": _known(values[0], get_args(InsightKind), "no kind")}


def _whose(values: list[str], choices: Choices) -> dict[str, Any]:
    named = {"mine": choices.me, "nobody": 0} | {str(id_): id_ for id_ in choices.editors}
    return {"assignee": named[_known(values[0], named, "no editor here")]}


def _age(values: list[str], choices: Choices) -> dict[str, Any]:
    return {"found_from": choices.now - AGES[_known(values[0], AGES, "no age")]}


def _from(values: list[str], choices: Choices) -> dict[str, Any]:
    return {"found_from": day_in(values[0], choices.zone)}


def _to(values: list[str], choices: Choices) -> dict[str, Any]:
    # In wall time, so that the day on which the clocks change ends when it ends.
    return {"found_before": day_in(values[0], choices.zone) + timedelta(days=1)}


def _words(values: list[str], _: Choices) -> dict[str, Any]:
    return {"words": values[0][:LONGEST_WORDS]}


def _yes(name: str, field_: str) -> "Reader":
    def read(values: list[str], _: Choices) -> dict[str, Any]:
        _known(values[0], ("yes",), f"nothing that “{name}” can be")
        return {field_: True}

    return read


def _known(value: str, known: Iterable[str], what: str) -> str:
    if value not in known:
        raise Unknown(f"“{value[:40]}” is {what}.")
    return value


Reader = Callable[[list[str], Choices], dict[str, Any]]

AGES = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}

# What may stand in the address, beside the community and the page.
READERS: Mapping[str, Reader] = {
    "state": _states,
    "type": _type,
    "theme": _theme,
    "kind": _kind,
    "whose": _whose,
    "age": _age,
    "from": _from,
    "to": _to,
    "words": _words,
    "snoozed": _yes("snoozed", "snoozed"),
    "history": _yes("history", "is_history"),
    "urgent": _yes("urgent", "urgent"),
}

# What the form offers, in its order: the values in the address with what they are called.
OFFERED_STATES = tuple((state, meaning.label) for state, meaning in MEANINGS.items())
OFFERED_KINDS = tuple((kind, words[0].upper() + words[1:]) for kind, words in KINDS.items() if kind != "none")
OFFERED_TYPES = tuple((one, label_of(one)) for one in all_types())
OFFERED_AGES = (("day", "In the last day"), ("week", "In the last week"), ("month", "In the last month"))
