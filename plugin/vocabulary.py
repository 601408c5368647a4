"""The words that a tagger listens for, read from the files in `plugin/lexicon/`.

A word or phrase stands for a *symbol*: one capital letter that the grammar of `frames.py` can
ask for. `H` is a health professional, `K` one's kin, `Oh` a place where health care is given.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

LEXICON = Path(__file__).parent / "lexicon"

# Shorter words have too many honest neighbours: "nurse" is one letter from "purse".
SHORTEST_TYPO = 6
LONGEST_TYPO = 24
SHORTEST_WORD_MENDED = 3
MOST_WORDS_OF_A_JOB = 4
# Two slips are forgiven in a long name of an occupation that begins and ends as it should: "resptionist".
SHORTEST_TWO_SLIPS = 9
# Of everyday words only a slip of the fingers is mended: two letters swapped, one typed twice or left out.
SHORTEST_EVERYDAY = 5
SHORTEST_EVERYDAY_GAP = 7
# People use the same words: what was looked up once is kept, up to this many words.
MOST_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase of the lexicon: its words after the first, and what it stands for."""

    rest: tuple[str, ...]
    symbol: str
    types: str
    plural: bool = False
    flags: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """Return how many words the phrase has."""
        return len(self.rest) + 1


# What begins with one word: phrases by their second word, the longest first, and the word alone.
Entry = tuple[Mapping[str, tuple[Term, ...]], Term | None]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything that the grammar knows by name; see the files for the words themselves."""

    terms: Mapping[str, Entry]
    attributes: frozenset[str]
    cased: frozenset[str]
    contractions: Mapping[str, str]
    endings: tuple[tuple[str, Term], ...] = ()
    all_endings: tuple[str, ...] = ()
    not_endings: frozenset[str] = frozenset()
    typos: Mapping[str, str] = field(default_factory=dict)
    everyday: frozenset[str] = frozenset()
    everyday_typos: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    jobs: frozenset[str] = frozenset()
    not_in_jobs: frozenset[str] = frozenset()
    long_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    misspelt: Mapping[str, str] = field(default_factory=dict)
    remembered: dict[str, str | None] = field(default_factory=dict)
    respelt: dict[str, str] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)

    def by_ending(self, word: str) -> Term | None:
        """Return what a word we do not list stands for by its ending: "-itis" is an illness."""
        if len(word) < 7 or not word.endswith(self.all_endings) or word in self.not_endings:
            return None
        return next((term for ending, term in self.endings if word.endswith(ending)), None)

    def job_at(self, words: Sequence[str], n: int) -> Term | None:
        """Return the job that begins at word `n`: "harm reduction adviser" is a field, and one who works in it."""
        symbol = self.fields[words[n]]
        for place in range(n + 1, min(n + MOST_WORDS_OF_A_JOB, len(words))):
            word = words[place]
            if word in self.jobs:
                return Term(tuple(words[n + 1 : place + 1]), symbol, symbol, plural=word.endswith("s"))
            if word in self.not_in_jobs or not (word.isalpha() or word == "'s"):
                return None
            symbol = self.fields.get(word, symbol)
        return None

    def spelling_of(self, word: str) -> str:
        """Return the word, or the lexicon's word that it is a slip of; kept, for people use the same words."""
        meant = word if word in self.terms or len(word) <= SHORTEST_WORD_MENDED else self.meant_by(word) or word
        if len(self.respelt) >= MOST_REMEMBERED:
            self.respelt.clear()
        if len(word) <= LONGEST_TYPO:
            self.respelt[word] = meant
        return meant

    def meant_by(self, word: str) -> str | None:
        """Return the lexicon's word that `word` is one slip away from, or None.

        A slip in the word for a role is one letter too many, too few or wrong, or two neighbours swapped
        (Damerau-Levenshtein 1); in an everyday word that the grammar asks for, only what no other word would
        become (`is_slip_of_fingers`). Ordinary English words are never corrected.
        """
        if word in self.misspelt:
            return self.misspelt[word]
        if not SHORTEST_EVERYDAY <= len(word) <= LONGEST_TYPO or word in self.known or word in self.everyday:
            return None
        if word not in self.remembered:
            if len(self.remembered) >= MOST_REMEMBERED:
                self.remembered.clear()
            self.remembered[word] = self._meant_by(word) if word.isalpha() else None
        return self.remembered[word]

    def _meant_by(self, word: str) -> str | None:
        shorter_forms = deletions(word)
        for shorter in shorter_forms:
            meant = self.typos.get(shorter)
            if meant is not None and is_one_slip(word, meant):
                return meant
        if len(word) >= SHORTEST_TWO_SLIPS:
            for meant in self.long_words.get(_outline(word), ()):
                if any(is_one_slip(near, meant) for near in _one_slip_shorter(word, meant)):
                    return meant
        found = {self.everyday_typos.get(shorter) for shorter in shorter_forms} - {None}
        meant = found.pop() if len(found) == 1 else None
        return meant if meant is not None and is_slip_of_fingers(word, meant) else None


def deletions(word: str) -> list[str]:
    """Return the word itself and each form of it with one letter left out."""
    return [word, *(word[:i] + word[i + 1 :] for i in range(len(word)))]


def is_one_slip(word: str, meant: str) -> bool:
    """Return whether one slip of the finger turns `meant` into `word` (Damerau-Levenshtein 1)."""
    if word == meant or abs(len(word) - len(meant)) > 1:
        return False
    start = 0
    while start < min(len(word), len(meant)) and word[start] == meant[start]:
        start += 1
    one, other = word[start:], meant[start:]
    if len(one) == len(other):
        return one[1:] == other[1:] or (one[:2] == other[1::-1] and one[2:] == other[2:])
    return one[1:] == other or one == other[1:]


def is_slip_of_fingers(word: str, meant: str) -> bool:
    """Return whether `word` is `meant` with two letters swapped, one typed twice, or one inside it left out.

    These slips seldom make another word: of the 4,900 words in the NHS comments, none of these three forms.
    """
    if len(word) == len(meant):
        return sorted(word) == sorted(meant) and is_one_slip(word, meant)
    if len(word) > len(meant):
        return any(word[n] == word[n + 1] and word[:n] + word[n + 1 :] == meant for n in range(len(word) - 1))
    inside = word[0] == meant[0] and word[-1] == meant[-1]
    return inside and len(meant) >= SHORTEST_EVERYDAY_GAP and is_one_slip(word, meant)


def _outline(word: str) -> str:
    return word[0] + word[-3:]


def _one_slip_shorter(word: str, meant: str) -> list[str]:
    """Return forms of `word` that stand one slip nearer to `meant`: where they first differ, three ways to mend it."""
    n = 0
    while n < min(len(word), len(meant)) and word[n] == meant[n]:
        n += 1
    if n >= len(meant):
        return [word[:n]]
    forms = [word[:n] + meant[n] + word[n:], word[:n] + meant[n] + word[n + 1 :], word[:n] + word[n + 1 :]]
    if word[n : n + 2]:
        forms.append(word[:n] + word[n : n + 2][::-1] + word[n + 2 :])
    return forms


def phrases(listing: str) -> list[str]:
    """Return the phrases of a listing: parted by commas or new lines, hyphens read as blanks."""
    parts = listing.replace("\n", ",").replace("-", " ").split(",")
    return [" ".join(part.lower().split()) for part in parts if part.strip()]


def plural_of(word: str) -> str:
    """Return the regular plural of a noun, good enough for titles: nurses, secretaries, coaches."""
    irregular = {"man": "men", "woman": "women", "child": "children", "wife": "wives"}
    for ending, many in irregular.items():
        if word.endswith(ending):
            return word[: -len(ending)] + many
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


@cache
def lexicon_file(name: str) -> dict[str, Any]:
    """Return the parsed content of one of the files that come with the program."""
    return tomllib.loads((LEXICON / name).read_text(encoding="utf-8"))


@cache
def default_vocabulary() -> Vocabulary:
    """Return the vocabulary that comes with the program, read once."""
    return vocabulary_from(lexicon_file("roles.toml"), lexicon_file("cues.toml"))


def vocabulary_from(roles: Mapping[str, Any], cues: Mapping[str, Any]) -> Vocabulary:
    """Return the vocabulary of two parsed lexicon files: the role nouns, and the other cues."""
    students = set(phrases(roles["flags"]["student"]))
    non_clinical = phrases(roles["flags"]["non_clinical"])
    terms: dict[str, dict[tuple[str, ...], Term]] = {}
    role_words: set[str] = set()

    def add(phrase: str, symbol: str, types: str, *, flags: tuple[str, ...] = ()) -> None:
        one = phrase.split()
        many = [*one[:-1], plural_of(one[-1])]
        for words, plural in ((many, True), (one, False)):
            entry = Term(tuple(words[1:]), symbol, types, plural, flags)
            terms.setdefault(words[0], {})[entry.rest] = entry
        # Of illnesses and treatments only long words: "scan" is too near to too much.
        role_words.update(word for word in one if section in ("roles", "kin") or len(word) > 7)

    for section in ("places", "medicines", "treatments", "conditions", "kin"):
        for symbol, listing in cues[section].items():
            for phrase in phrases(listing):
                is_place = section == "places"
                add(phrase, "O" + symbol if is_place else symbol, symbol.upper() if is_place else "")
    section = "roles"
    for types, listing in roles["roles"].items():
        for phrase in phrases(listing):
            add(phrase, types, types, flags=_flags_of(phrase, types, students, non_clinical))
    for phrase, types in roles["titles"].items():
        add(phrase, types[0], types)
    known = frozenset(phrases(roles["spelling"]["known"]))
    everyday = _words_of_the_grammar()
    return Vocabulary(
        terms={first: _entry(entries.values()) for first, entries in terms.items()},
        attributes=frozenset(phrases(roles["attributes"]["after"])),
        cased=frozenset(phrases(roles["spelling"]["capitals_only"])),
        contractions=cues["contractions"],
        endings=_endings(cues["endings"]),
        all_endings=tuple(ending for ending, _ in _endings(cues["endings"])),
        not_endings=frozenset(phrases(cues["endings"]["except"])),
        typos=_typo_index(role_words - known),
        everyday=everyday,
        everyday_typos=_typo_index(everyday - role_words, SHORTEST_EVERYDAY, one_meaning=True),
        fields={word: symbol for symbol in "HSQMEVRIL" for word in phrases(cues["jobs"][symbol]) if " " not in word},
        not_in_jobs=frozenset(phrases(cues["jobs"]["except"])),
        jobs=frozenset(many for word in phrases(cues["jobs"]["nouns"]) for many in (word, plural_of(word))),
        long_words=_outlines(role_words - known),
        known=known | role_words | set(terms),
        misspelt=roles.get("misspelt", {}),
    )


def _endings(listing: Mapping[str, str]) -> tuple[tuple[str, Term], ...]:
    found = [(ending, Term((), symbol, "")) for symbol in "DTA" for ending in phrases(listing.get(symbol, ""))]
    for ending in phrases(listing.get("H", "")):
        found += [(ending, Term((), "H", "H")), (ending + "s", Term((), "H", "H", plural=True))]
    return tuple(found)


def _flags_of(phrase: str, types: str, students: set[str], non_clinical: list[str]) -> tuple[str, ...]:
    flags = []
    if types != "E" and any(word in students for word in phrase.split()):
        flags.append("student")
    if types == "H" and any(phrase.endswith(job) for job in non_clinical):
        flags.append("non_clinical")
    return tuple(flags)


def _entry(terms: Iterable[Term]) -> Entry:
    phrases: dict[str, list[Term]] = {}
    alone = None
    for term in sorted(terms, key=lambda term: -len(term.rest)):
        if term.rest:
            phrases.setdefault(term.rest[0], []).append(term)
        else:
            alone = term
    return {second: tuple(found) for second, found in phrases.items()}, alone


@cache
def _words_of_the_grammar() -> frozenset[str]:
    """Return the everyday words that frames ask for as they are."""
    patterns = [*lexicon_file("grammar.toml")["parts"].values()]
    patterns += [frame["pattern"] for frame in lexicon_file("grammar.toml")["frame"]]
    return frozenset(word for pattern in patterns for word in _EVERYDAY.findall(pattern))


# A word that stands whole in a pattern: nothing of it is optional or one of several endings.
_EVERYDAY = re.compile(rf"(?<![\w\\<()?])[a-z]{{{SHORTEST_EVERYDAY},}}(?![\w(\[?*+{{>])")


def _typo_index(words: Iterable[str], shortest: int = SHORTEST_TYPO, *, one_meaning: bool = False) -> dict[str, str]:
    """Return which word each shortened form stands for: the first, or with `one_meaning` none where there are two."""
    index: dict[str, str] = {}
    several: set[str] = set()
    for word in sorted(words):
        if len(word) >= shortest and word.isalpha():
            for shorter in deletions(word):
                if index.setdefault(shorter, word) != word:
                    several.add(shorter)
    return {form: word for form, word in index.items() if not (one_meaning and form in several)}


_OF_PERSONS = ("ist", "ian", "ant", "ner", "her", "tor", "wife", "medic")


def _outlines(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in sorted(words):
        if len(word) >= SHORTEST_TWO_SLIPS and word.isalpha() and word.endswith(_OF_PERSONS):
            found[_outline(word)] = (*found.get(_outline(word), ()), word)
    return found
