"""Turn a reading into a marked copy: words the lexicon knows become one-letter symbols.

"As a ward sister I'm used to it" becomes " | as a H i am used to it | ". The grammar of
`frames.py` is written over such copies; every token knows its place in the reading.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from plugin.model import Evidence
from plugin.reading import Reading
from plugin.vocabulary import MOST_REMEMBERED, Term, Vocabulary

_TOKEN = re.compile(r"\w+(?:[.,:/]\d+)*(?:&\w\b)?(?:'[^\W\d_]+)*|'s\b|\n+|[^\w\s]")
_INNER_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W_])")
# Quoted speech is somebody's, but not known to be the author's. A single quoted word stays.
_QUOTED = re.compile(r"\"[^\"\n]{1,600}\"|(?<![\w'])'(?=[^\W_])(?:[^'\n]|(?<=\w)'(?=\w)){2,600}(?<![\s'])'(?!\w)")

_ENDINGS = {"'m": " am", "'ve": " have", "'re": " are", "'ll": " will", "'d": " had", "n't": " not"}
# "Our Sam" is one of the family.
NAMED_KIN = Term((), "K", "")
# Longer words are rare, and a flood of them must not fill the memory.
LONGEST_REMEMBERED = 24
_STOPS = frozenset(".!?")
_ABBREVIATIONS = frozenset(("dr", "mr", "mrs", "ms", "prof", "st", "eg", "ie", "approx", "etc", "vs"))


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked copy and the way back: token n starts at `begins[n]` and came from `spans[n]` of the reading."""

    reading: Reading
    text: str
    begins: Sequence[int]
    spans: Sequence[tuple[int, int]]
    terms: dict[int, Term]

    def term_at(self, place: int) -> Term | None:
        """Return the lexicon's term whose symbol stands at this place of the marked copy."""
        return self.terms.get(place)

    def evidence(self, start: int, end: int) -> Evidence:
        """Return the author's own words behind `text[start:end]`, without blanks or stops at the ends."""
        first = max(bisect_right(self.begins, start) - 1, 0)
        if first + 1 < len(self.begins) and self.text[start] == " ":
            first = min(bisect_left(self.begins, start), len(self.begins) - 1)
        last = max(bisect_left(self.begins, end) - 1, first)
        return self.reading.evidence(self.spans[first][0], self.spans[last][1])


def marked(reading: Reading, vocabulary: Vocabulary) -> Marked:
    """Return the marked copy of a reading. Quoted speech is left out; a mark stands in its place."""
    folded = reading.folded
    if "a+e" in folded:
        folded = folded.replace("a+e", "a&e")
    if '"' in folded or "'" in folded:
        folded = _QUOTED.sub(_hushed, folded)
    if "-" in folded:
        folded = _INNER_HYPHEN.sub(" ", folded)
    found = [(token.group(), token.start(), token.end()) for token in _TOKEN.finditer(folded)]
    return _Marking(reading, vocabulary).of(_split_possessives(found))


def _hushed(quoted: re.Match[str]) -> str:
    words = quoted.group()
    if " " not in words:
        return words
    return words[0] + " " * (len(words) - 2) + words[-1]


def _split_possessives(found: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    tokens = []
    for word, start, end in found:
        if word.endswith("'s") and len(word) > 2:
            tokens.append((word[:-2], start, end - 2))
            tokens.append(("'s", end - 2, end))
        else:
            tokens.append((word, start, end))
    return tokens


class _Marking:
    """One pass over the tokens of one reading."""

    def __init__(self, reading: Reading, vocabulary: Vocabulary) -> None:
        self.reading = reading
        self.vocabulary = vocabulary

    def of(self, tokens: list[tuple[str, int, int]]) -> Marked:
        terms_of, meant_by, fields = self.vocabulary.terms, self.vocabulary.meant_by, self.vocabulary.fields
        words = [word for word, _, _ in tokens]
        for n, word in enumerate(words):
            if word not in terms_of and len(word) > 3 and (meant := meant_by(word)):
                words[n] = meant
        pieces: list[str] = []
        begins: list[int] = []
        spans: list[tuple[int, int]] = []
        terms: dict[int, Term] = {}
        plain = self.vocabulary.plain
        place = 3
        n = 0
        while n < len(words):
            word = words[n]
            piece = plain.get(word)
            if piece is not None and (not n or words[n - 1] != "our"):
                begins.append(place)
                spans.append((tokens[n][1], tokens[n][2]))
                pieces.append(piece)
                place += len(piece) + 1
                n += 1
                continue
            term = self._term(words, tokens, n) if word in terms_of else self.vocabulary.by_ending(word)
            if word in fields and (term is None or not (term.types and term.rest)):
                term = self.vocabulary.job_at(words, n) or term
            if term is None and n and words[n - 1] == "our" and self._is_first_name(word, *tokens[n][1:]):
                term = NAMED_KIN
            width = 1
            if term is not None:
                width = len(term.rest) + 1
                piece = term.symbol + ("s" if term.plural else "")
                terms[place] = term
            else:
                piece = self._plain(word, words[n - 1] if n else "")
                if word not in terms_of and word not in fields and word != "." and piece:
                    self._remember(word, piece)
            if piece:
                begins.append(place)
                spans.append((tokens[n][1], tokens[n + width - 1][2]))
                pieces.append(piece)
                place += len(piece) + 1
            n += width
        return Marked(self.reading, " | " + " ".join(pieces) + " | ", begins, spans, terms)

    def _remember(self, word: str, piece: str) -> None:
        """Keep what a word becomes that means nothing to the lexicon wherever it stands."""
        if len(self.vocabulary.plain) >= MOST_REMEMBERED:
            self.vocabulary.plain.clear()
        if len(word) <= LONGEST_REMEMBERED:
            self.vocabulary.plain[word] = piece

    def _plain(self, word: str, before: str) -> str:
        if word in _STOPS:
            return "" if word == "." and before in _ABBREVIATIONS else "|"
        if word[0] == "\n":
            return "|"
        spelt_out = self.vocabulary.contractions.get(word)
        if spelt_out is not None:
            return spelt_out
        if "'" in word:
            for ending, spelt in _ENDINGS.items():
                if word.endswith(ending) and len(word) > len(ending):
                    return word[: -len(ending)] + spelt
        return word if word != "|" else ""

    def _term(self, words: list[str], tokens: list[tuple[str, int, int]], n: int) -> Term | None:
        phrases, alone = self.vocabulary.terms[words[n]]
        for term in phrases.get(words[n + 1], ()) if phrases and n + 1 < len(words) else ():
            if tuple(words[n + 1 : n + 1 + len(term.rest)]) == term.rest:
                return term
        if alone is not None and words[n] in self.vocabulary.cased and not self._is_upper(*tokens[n][1:]):
            return None
        return alone

    def _is_first_name(self, word: str, start: int, end: int) -> bool:
        """Return whether a word after "our" is somebody's first name: "our Sam", but not "our Trust" or "our MP"."""
        written = self.reading.evidence(start, end).text
        return word.isalpha() and written.istitle() and word not in self.vocabulary.known

    def _is_upper(self, start: int, end: int) -> bool:
        return self.reading.evidence(start, end).text.isupper()
