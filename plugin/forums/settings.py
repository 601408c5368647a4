"""Read the settings of a connection, as `manyvoices community connect --setting name=value` takes them."""

from collections.abc import Mapping
from typing import Any

# Discourse permits 60 to an administrator's key, and others may ask with it too.
PER_MINUTE = 50
MOST_PER_MINUTE = 6_000


class BadSetting(ValueError):  # noqa: N818 - named for the fact
    """A setting of the connection makes no sense; the message says which and what it should be."""


def numbers_in(settings: Mapping[str, Any], name: str) -> list[int]:
    """Return a list of numbers, from `1,2`; empty where none is set."""
    value = settings.get(name) or ""
    parts = value if isinstance(value, list) else [part.strip() for part in str(value).split(",") if part.strip()]
    if not all(str(part).isdecimal() and int(part) > 0 for part in parts):
        raise BadSetting(f"{name} is numbers with commas between, such as 1,2")
    return [int(part) for part in parts]


def number_in(settings: Mapping[str, Any], name: str) -> int | None:
    """Return one number, or None where none is set."""
    found = numbers_in(settings, name)
    if len(found) > 1:
        raise BadSetting(f"{name} is one number")
    return found[0] if found else None


def per_minute_in(settings: Mapping[str, Any]) -> int:
    """Return how many calls a forum permits in a minute; 50 where it does not say."""
    found = number_in(settings, "per_minute") or PER_MINUTE
    if found > MOST_PER_MINUTE:
        raise BadSetting(f"per_minute is at most {MOST_PER_MINUTE}")
    return found


def is_on(settings: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return whether a switch says yes."""
    value = str(settings.get(name, "yes" if default else "no")).casefold()
    if value not in ("yes", "no"):
        raise BadSetting(f"{name} is yes or no")
    return value == "yes"


def groups_in(settings: Mapping[str, Any]) -> dict[str, int]:
    """Return the forum's group for each label, from `Carer:12,Patient:13`."""
    pairs = [part.rpartition(":") for part in str(settings.get("groups") or "").split(",") if part.strip()]
    if not all(label.strip() and number.strip().isdecimal() for label, _, number in pairs):
        raise BadSetting("groups is labels with the numbers of groups, such as Carer:12,Patient:13")
    return {label.strip(): int(number) for label, _, number in pairs}
