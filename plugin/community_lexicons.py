"""The words of one community: what it calls the types, its profile fields and groups, its own jobs and places.

An operator writes `lexicons/<community>.toml` in the data folder; what is not said there is as it comes:

    [labels]
    carer = "Family carer"
    [aliases]
    lived_experience_partner = "hub partner, voices panel"
    [roles]
    safety_quality_lead = "kindness lead"
    [places]
    voluntary_sector = "the hub"

`manyvoices taxonomy check FILE` says in plain sentences what is wrong with such a file.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from plugin.stakeholders import Taxonomy, default_taxonomy, type_for_alias
from plugin.vocabulary import Vocabulary, default_vocabulary, lexicon_file, phrases, vocabulary_from

# Each holds a vocabulary of its own, some megabytes.
MOST_KEPT = 16


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What a community's comments are heard with, and what its types are called."""

    taxonomy: Taxonomy
    vocabulary: Vocabulary


def lexicon_of(community: str, folder: Path | None) -> Lexicon:
    """Return the lexicon of a community (its short name): its own file where there is one that is in order.

    A file with a mistake is as good as none: comments are heard with the words that come with the program.
    """
    path = folder / f"{community}.toml" if folder is not None else None
    if path is None or not path.is_file():
        return Lexicon(default_taxonomy(), default_vocabulary())
    return _kept(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=MOST_KEPT)
def _kept(path: Path, _changed: int) -> Lexicon:
    if problems_in(path):
        return Lexicon(default_taxonomy(), default_vocabulary())
    return lexicon_from(tomllib.loads(path.read_text(encoding="utf-8")))


def lexicon_from(content: Mapping[str, Any]) -> Lexicon:
    """Return the lexicon of a parsed file, laid over the one that comes with the program."""
    common, symbols = default_taxonomy(), _symbols()
    labels, aliases = content.get("labels", {}), content.get("aliases", {})
    types = tuple(replace(one, label=labels.get(one.id, one.label)) for one in common.types)
    by_alias = dict(common.by_alias)
    for type_, listing in aliases.items():
        by_alias.update(dict.fromkeys(phrases(listing), type_))
    by_alias.update({label.lower(): type_ for type_, label in labels.items()})
    roles, cues = lexicon_file("roles.toml"), lexicon_file("cues.toml")
    titles = {phrase: symbols[type_] for type_, some in content.get("roles", {}).items() for phrase in phrases(some)}
    places = dict(cues["places"])
    for type_, listing in content.get("places", {}).items():
        own = symbols[type_].lower()
        places[own] = f"{places.get(own, '')}, {listing}"
    vocabulary = default_vocabulary()
    if titles or content.get("places"):
        own_roles = {**roles, "titles": {**roles["titles"], **titles}}
        vocabulary = vocabulary_from(own_roles, {**cues, "places": places})
    return Lexicon(Taxonomy(types, by_alias), vocabulary)


def problems_in(path: Path) -> list[str]:
    """Return what is wrong with a community's lexicon file, in plain sentences."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        return [f"{path.name} cannot be read: {problem}."]
    problems: list[str] = []
    owners: dict[tuple[str, str], str] = {}
    for section, entries in content.items():
        if section not in SECTIONS:
            problems.append(f"“{section}” is not a part of a lexicon; there are {', '.join(SECTIONS)}.")
            continue
        if not isinstance(entries, dict):
            problems.append(f"“{section}” has to be a part with types in it: [{section}].")
            continue
        for type_, words in entries.items():
            if type_ not in _symbols():
                problems.append(f"“{type_}” in {section} is not a type.")
            elif not isinstance(words, str) or not words.strip():
                problems.append(f"{section} of {type_} has to be words between quotation marks.")
            elif section != "labels":
                problems += _claimed_twice(section, type_, words, owners)
    return problems


def _claimed_twice(section: str, type_: str, words: str, owners: dict[tuple[str, str], str]) -> list[str]:
    problems = []
    for phrase in phrases(words):
        if owners.setdefault((section, phrase), type_) != type_:
            problems.append(f"“{phrase}” in {section} is listed for both {owners[section, phrase]} and {type_}.")
        elif section == "aliases" and type_for_alias(phrase) not in (None, type_):
            problems.append(f"“{phrase}” already stands for {type_for_alias(phrase)}; it cannot stand for {type_} too.")
    return problems


def _symbols() -> dict[str, str]:
    return {one.id: one.symbol for one in default_taxonomy().types}


SECTIONS = ("labels", "aliases", "roles", "places")
