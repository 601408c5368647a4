"""Turn a reading into a marked copy: words the lexicon knows become one-letter symbols.

"As a ward sister I'm used to it" becomes " | as a H i am used to it | ". The grammar of
`frames.py` is written over such copies; every token knows its place in the reading.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from plugin.model import Evidence
from plugin.reading import MOST_READ, Reading
from plugin.vocabulary import MOST_REMEMBERED, Term, Vocabulary

# The first alternative is the second's plainest case, tried first because it is many times faster.
_TOKEN = re.compile(r"\w++(?![.,:/&'])|\w+(?:[.,:/]\d+)*(?:&\w\b)?(?:'[^\W\d_]+)*|'s\b|\n+|[^\w\s]")
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


class Marked:
    """A marked copy and the way back to the reading.

    `text` is what the frames look at. Where its tokens stand is asked only once something has been found in it,
    so it is worked out then.
    """

    __slots__ = ("_begins", "_pieces", "_spoken", "_terms", "reading", "text")

    def __init__(
        self, reading: Reading, spoken: "_Spoken", pieces: Sequence[str | None], terms: dict[int, Term]
    ) -> None:
        self.reading = reading
        self.text = f" | {' '.join(filter(None, pieces))} | "
        self._spoken = spoken
        self._pieces = pieces
        self._terms = terms
        self._begins: tuple[list[int], list[int]] | None = None

    def _places(self) -> tuple[list[int], list[int]]:
        """Return where each piece begins in `text`, and which token it is or begins with."""
        if self._begins is None:
            begins, tokens = [], []
            place = 3
            for n, piece in enumerate(self._pieces):
                if piece:
                    begins.append(place)
                    tokens.append(n)
                    place += len(piece) + 1
            self._begins = begins, tokens
        return self._begins

    def term_at(self, place: int) -> Term | None:
        """Return the lexicon's term whose symbol stands at this place of the marked copy."""
        begins, tokens = self._places()
        n = bisect_left(begins, place)
        return self._terms.get(tokens[n]) if n < len(begins) and begins[n] == place else None

    def evidence(self, start: int, end: int) -> Evidence:
        """Return the author's own words behind `text[start:end]`, without blanks or stops at the ends."""
        begins, tokens = self._places()
        first = max(bisect_right(begins, start) - 1, 0)
        if first + 1 < len(begins) and self.text[start] == " ":
            first = min(bisect_left(begins, start), len(begins) - 1)
        last = max(bisect_left(begins, end) - 1, first)
        spans = self._spoken.spans()
        term = self._terms.get(tokens[last])
        width = len(term.rest) if term is not None else 0
        return self.reading.evidence(spans[tokens[first]][0], spans[tokens[last] + width][1])


def marked(reading: Reading, vocabulary: Vocabulary) -> Marked:
    """Return the marked copy of a reading. Quoted speech is left out; a mark stands in its place."""
    folded = reading.folded
    if "a+e" in folded:
        folded = folded.replace("a+e", "a&e")
    if '"' in folded or _may_open_a_quotation(folded):
        folded = _QUOTED.sub(_hushed, folded)
    if "-" in folded:
        folded = _INNER_HYPHEN.sub(" ", folded)
    spoken = _Spoken(folded)
    return _Marking(reading, vocabulary, spoken).of(spoken.words())


class _Spoken:
    """The author's own words. Where each stands is worked out once, and only if somebody asks."""

    __slots__ = ("_spans", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans: list[tuple[int, int]] | None = None

    def words(self) -> list[str]:
        words: list[str] = _TOKEN.findall(self._text)
        if "'s" not in self._text:
            return words
        split: list[str] = []
        for word in words:
            if word.endswith("'s") and len(word) > 2:
                split += word[:-2], "'s"
            else:
                split.append(word)
        return split

    def spans(self) -> list[tuple[int, int]]:
        if self._spans is None:
            self._spans = _words_in(self._text)[1]
        return self._spans


def _words_in(spoken: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the tokens and where each stands; "mum's" is two."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(spoken):
        word, (start, end) = token.group(), token.span()
        if word.endswith("'s") and len(word) > 2:
            words += word[:-2], "'s"
            spans += (start, end - 2), (end - 2, end)
        else:
            words.append(word)
            spans.append((start, end))
    return words, spans


def _may_open_a_quotation(folded: str) -> bool:
    """Return whether an apostrophe stands where no word ends: a look before the dear search."""
    return any(not before[-1:].isalnum() for before in folded.split("'")[:-1])


def _hushed(quoted: re.Match[str]) -> str:
    words = quoted.group()
    if " " not in words:
        return words
    return words[0] + " " * (len(words) - 2) + words[-1]


class _Marking:
    """One pass over the tokens of one reading."""

    def __init__(self, reading: Reading, vocabulary: Vocabulary, spoken: _Spoken) -> None:
        self.reading = reading
        self.vocabulary = vocabulary
        self.spoken = spoken

    def of(self, words: list[str]) -> Marked:
        vocabulary = self.vocabulary
        terms_of, fields, respelt = vocabulary.terms, vocabulary.fields, vocabulary.respelt
        # Most words mean the same wherever they stand.
        pieces: list[str | None] = list(map(vocabulary.plain.get, words))
        others = [n for n, piece in enumerate(pieces) if piece is None]
        for n in others:
            words[n] = respelt.get(words[n]) or vocabulary.spelling_of(words[n])
        if "our" in words:
            # Whoever comes after "our" may be one of the family.
            others = sorted({*others, *(n + 1 for n, word in enumerate(words[:-1]) if word == "our")})
        terms: dict[int, Term] = {}
        free_from = 0
        for n in others:
            if n < free_from:
                continue
            word = words[n]
            before = words[n - 1] if n else ""
            term = self._term(words, n) if word in terms_of else vocabulary.by_ending(word)
            if word in fields and (term is None or not (term.types and term.rest)):
                term = vocabulary.job_at(words, n) or term
            if term is None and before == "our" and self._is_first_name(word, n):
                term = NAMED_KIN
            if term is not None:
                terms[n] = term
                pieces[n] = term.symbol + ("s" if term.plural else "")
                free_from = n + 1 + len(term.rest)
                for swallowed in range(n + 1, free_from):
                    pieces[swallowed] = ""
            else:
                pieces[n] = piece = self._plain(word, before)
                if word not in terms_of and word not in fields and word != "." and piece:
                    self._remember(word, piece)
        return Marked(self.reading, self.spoken, pieces, terms)

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

    def _term(self, words: list[str], n: int) -> Term | None:
        word = words[n]
        phrases, alone = self.vocabulary.terms[word]
        for term in phrases.get(words[n + 1], ()) if phrases and n + 1 < len(words) else ():
            if len(term.rest) == 1 or tuple(words[n + 1 : n + 1 + len(term.rest)]) == term.rest:
                return term
        if alone is not None and word in self.vocabulary.cased and not self._is_upper(word, n):
            return None
        return alone

    def _is_first_name(self, word: str, n: int) -> bool:
        """Return whether a word after "our" is somebody's first name: "our Sam", but not "our Trust" or "our MP"."""
        return word.isalpha() and self._written(n).istitle() and word not in self.vocabulary.known

    def _is_upper(self, word: str, n: int) -> bool:
        if word.upper() not in self.reading.text and not self._has_other_letters():
            return False
        return self._written(n).isupper()

    def _has_other_letters(self) -> bool:
        """Return whether capitals may be written with letters that only look like ours."""
        if self.reading.at is None:
            return False
        return any(letter.isalpha() and not letter.isascii() for letter in set(self.reading.text[:MOST_READ]))

    def _written(self, n: int) -> str:
        return self.reading.evidence(*self.spoken.spans()[n]).text
