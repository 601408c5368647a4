"""The table of stakeholder types: their labels, their order, and the names that communities use for them."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from plugin.model import UNKNOWN
from plugin.vocabulary import LEXICON, lexicon_file, phrases

SHORTEST_THEME_WORD = 2
LONGEST_THEME_WORD = 60


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


def lexicon_problems(folder: Path | None = None) -> list[str]:
    """Return what is wrong with the taxonomy and lexicon files of a folder, in plain sentences."""
    contents: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for name in ("stakeholders.toml", "roles.toml", "cues.toml", "themes.toml", "grammar.toml"):
        file = (folder or LEXICON) / name
        try:
            contents[name] = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            problems += [f"{name} is missing."] if folder is None or name == "stakeholders.toml" else []
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
            problems.append(f"{name} cannot be read: {problem}.")
    problems += _taxonomy_problems(contents.get("stakeholders.toml", {}))
    problems += _role_problems(contents.get("roles.toml", {}), contents.get("stakeholders.toml", {}))
    problems += theme_problems(contents.get("themes.toml", {}))
    return problems + _grammar_problems(contents.get("grammar.toml", {}))


def _taxonomy_problems(content: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []
    ids: set[str] = set()
    owners: dict[str, str] = {}
    for number, entry in enumerate(content.get("type", ()), start=1):
        missing = [key for key in ("id", "symbol", "label", "rollup", "who") if not entry.get(key)]
        problems += [f"Type {number} has no {key}." for key in missing]
        if missing:
            continue
        name = entry["id"]
        if name in ids:
            problems.append(f"There are two types called {name}.")
        ids.add(name)
        for alias in (_plain(one) for one in phrases(entry.get("aliases", ""))):
            if owners.setdefault(alias, name) != name:
                problems.append(f"“{alias}” is an alias of both {owners[alias]} and {name}.")
    if content and sum(bool(entry.get("main")) for entry in content.get("type", ())) < 1:
        problems.append("No type is marked as one of the main ones.")
    return problems


def _role_problems(roles: Mapping[str, Any], taxonomy: Mapping[str, Any]) -> list[str]:
    symbols = {entry.get("symbol") for entry in taxonomy.get("type", ())}
    problems: list[str] = []
    owners: dict[str, str] = {}
    for symbol, listing in roles.get("roles", {}).items():
        if symbol not in symbols:
            problems.append(f"roles.toml lists roles for {symbol}, but no type has that symbol.")
        for phrase in phrases(listing):
            if owners.setdefault(phrase, symbol) != symbol:
                problems.append(f"“{phrase}” is listed for both {owners[phrase]} and {symbol} in roles.toml.")
    for title, types in roles.get("titles", {}).items():
        problems += [
            f"The title “{title}” names {one}, but no type has that symbol." for one in types if one not in symbols
        ]
    return problems


def theme_problems(themes: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a list of theme words, in plain sentences."""
    seen: set[str] = set()
    problems: list[str] = []
    for entry in themes.get("theme", ()):
        name = entry.get("id", "")
        problems += [
            f"The theme “{name or 'without an id'}” has no {key}."
            for key in ("id", "label", "words")
            if not entry.get(key)
        ]
        problems += [f"There are two themes called {name}."] if name in seen else []
        problems += _theme_word_problems(entry.get("label") or name, phrases(entry.get("words", "")))
        seen.add(name)
    return problems


def _theme_word_problems(label: str, words: list[str]) -> list[str]:
    problems: list[str] = []
    for word in words:
        if "*" in word.removesuffix("*"):
            problems.append(f"“{word}”, under “{label}”, has a star that is not at its end.")
        elif len(word.removesuffix("*")) < SHORTEST_THEME_WORD:
            problems.append(f"“{word}”, under “{label}”, is too short: it would be found nearly everywhere.")
        elif len(word) > LONGEST_THEME_WORD:
            problems.append(f"“{word[:20]}…”, under “{label}”, is too long to be a word or a short phrase.")
        elif not word[0].isalnum() or not (word[-1].isalnum() or word[-1] == "*"):
            problems.append(f"“{word}”, under “{label}”, has to begin and end with a letter or a figure.")
    return problems


def _grammar_problems(grammar: Mapping[str, Any]) -> list[str]:
    from plugin.frames import filled

    problems: list[str] = []
    for entry in grammar.get("frame", ()):
        name = entry.get("id", "a frame without an id")
        try:
            re.compile(filled(entry["pattern"], grammar.get("parts", {})))
        except KeyError as missing:
            problems.append(f"The frame {name} needs {missing}, which is not there.")
        except re.error as problem:
            problems.append(f"The pattern of the frame {name} is not well formed: {problem}.")
    return problems
