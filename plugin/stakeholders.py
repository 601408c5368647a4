"""The table of stakeholder types: their labels, their order, and the names that communities use for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from plugin.model import UNKNOWN
from plugin.vocabulary import lexicon_file, phrases


@dataclass(frozen=True, slots=True)
class StakeholderType:
    """One line of the taxonomy. `symbol` is its letter in the grammar, `rollup` the group it counts in."""

    id: str
    symbol: str
    label: str
    rollup: str
    who: str
    main: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The types in the order a choice is offered: the four of the call to action first."""

    types: tuple[StakeholderType, ...]
    by_alias: Mapping[str, str]


@cache
def default_taxonomy() -> Taxonomy:
    """Return the taxonomy that comes with the program, read once."""
    return taxonomy_from(lexicon_file("stakeholders.toml"))


def taxonomy_from(content: Mapping[str, Any]) -> Taxonomy:
    """Return the taxonomy of a parsed file, without judging it (`problems_with` does that)."""
    types = tuple(_type_from(entry) for entry in content["type"])
    by_alias = {_plain(alias): one.id for one in types for alias in (*one.aliases, one.id, one.label)}
    return Taxonomy(types, by_alias)


def _type_from(entry: Mapping[str, Any]) -> StakeholderType:
    return StakeholderType(
        id=entry["id"],
        symbol=entry["symbol"],
        label=entry["label"],
        rollup=entry["rollup"],
        who=entry["who"],
        main=entry.get("main", False),
        aliases=tuple(phrases(entry.get("aliases", ""))),
    )


def _plain(alias: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in alias.lower()).split())


def label_of(type_id: str, *, taxonomy: Taxonomy | None = None) -> str:
    """Return how a person reads this type: "Health professional". An unknown id is returned as it is."""
    if type_id == UNKNOWN:
        return "Not said"
    named = (one.label for one in (taxonomy or default_taxonomy()).types if one.id == type_id)
    return next(named, type_id)


def rollup_of(type_id: str, *, taxonomy: Taxonomy | None = None) -> str | None:
    """Return the group of this type (lived, practice, organisation, system), or None for unknown."""
    grouped = (one.rollup for one in (taxonomy or default_taxonomy()).types if one.id == type_id)
    return next(grouped, None)


def all_types(*, taxonomy: Taxonomy | None = None) -> tuple[str, ...]:
    """Return every type's id, the main four first; `unknown` is not a type."""
    return (*main_types(taxonomy=taxonomy), *other_types(taxonomy=taxonomy))


def main_types(*, taxonomy: Taxonomy | None = None) -> tuple[str, ...]:
    """Return the four types of the call to action: they come first wherever a choice is offered."""
    return tuple(one.id for one in (taxonomy or default_taxonomy()).types if one.main)


def other_types(*, taxonomy: Taxonomy | None = None) -> tuple[str, ...]:
    """Return the types that stand under "more"."""
    return tuple(one.id for one in (taxonomy or default_taxonomy()).types if not one.main)


def type_for_alias(text: str, *, taxonomy: Taxonomy | None = None) -> str | None:
    """Return the type that a profile field or group name stands for, or None. Never a guess."""
    return (taxonomy or default_taxonomy()).by_alias.get(_plain(text))


@cache
def _types_by_symbol() -> dict[str, str]:
    return {one.symbol: one.id for one in default_taxonomy().types}


def type_of_symbol(symbol: str) -> str:
    """Return the id of the type that the grammar calls by this letter."""
    return _types_by_symbol()[symbol]
