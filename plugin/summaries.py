"""Summarise a discussion for its moderators: who has spoken, how often, and who is not heard from."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from plugin.balance import FEWEST_PEOPLE, evenness, gini, people_per_type
from plugin.crediting import somebody
from plugin.stakeholders import label_of


@dataclass(frozen=True, slots=True)
class Voice:
    """One visible comment: who wrote it, and the types it speaks for."""

    person: Hashable
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One stakeholder type in a discussion. Somebody with two roles stands in two rows."""

    type: str
    label: str
    people: int
    comments: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Who speaks in a discussion.

    `rows` are the expected types and those that spoke, by the alphabet; `not_heard` names the
    expected types with nobody, as in "a carer". `evenness` and `gini` are None where there is too little to say.
    """

    people: int
    comments: int
    rows: tuple[TypeRow, ...]
    not_heard: tuple[str, ...]
    people_not_said: int
    comments_not_said: int
    evenness: float | None
    gini: float | None


def summary_of(comments: Iterable[Voice], expected_types: Sequence[str]) -> Summary:
    """Return who speaks in these comments, whatever order they come in."""
    voices = list(comments)
    roles: dict[Hashable, set[str]] = {}
    for voice in voices:
        roles.setdefault(voice.person, set()).update(voice.types)
    rows = _rows(voices, roles.values(), expected_types)
    speaks_enough = len(roles) >= FEWEST_PEOPLE
    expected = people_per_type(roles.values(), expected_types)
    return Summary(
        people=len(roles),
        comments=len(voices),
        rows=rows,
        not_heard=tuple(somebody(row.type) for row in rows if not row.people),
        people_not_said=sum(not held for held in roles.values()),
        comments_not_said=sum(not voice.types for voice in voices),
        evenness=evenness(list(expected.values())) if speaks_enough else None,
        gini=gini(list(Counter(voice.person for voice in voices).values())) if speaks_enough else None,
    )


def _rows(voices: Sequence[Voice], roles: Iterable[set[str]], expected_types: Sequence[str]) -> tuple[TypeRow, ...]:
    people = Counter(role for held in roles for role in held)
    comments = Counter(role for voice in voices for role in set(voice.types))
    rows = [TypeRow(type_, label_of(type_), people[type_], comments[type_]) for type_ in {*expected_types, *people}]
    # By the alphabet, so that no order says who matters more.
    return tuple(sorted(rows, key=lambda row: row.label))
