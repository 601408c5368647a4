"""Read a comment as its author meant it: own words only, one plain spelling, offsets kept.

The folded copy is what the rules look at: lower case, look-alike letters and zero-width
characters undone, quotations blanked. Every place in it maps back to the original text.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from plugin.model import Evidence

# Longer comments are cut here: 8,000 characters are some ten minutes of speech, and hostile input ends here.
MOST_READ = 8_000

# One character for one: these never move an offset.
_PLAIN = {
    **dict.fromkeys(map(ord, "‘’‛ʼ′`´＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»＂"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    **dict.fromkeys(
        map(ord, "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t\r\x0b\x0c"), " "
    ),
    **dict.fromkeys(map(ord, "\u2028\u2029\x85"), "\n"),
    ord("…"): ".",
    ord("•"): "\n",
    0: " ",
}

# Letters of other scripts that are drawn like a Latin one (after Unicode's confusables list, the common part).
_LOOKALIKES = dict(
    zip(
        "аеорсухіјѕһԁԛԝвкмнтгпьАЕОРСУХІЈЅНВКМТԌЅαοενρτυικχγηωϲɑɡıℓΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxijshdqwbkmhtrnbaeopcyxijshbkmtgsaoevptuikxynwcagilabezhikmnoptyx",
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A comment in plain spelling. `at[i]` is where character i of `folded` stands in `text`."""

    text: str
    folded: str
    at: Sequence[int] | None

    def evidence(self, start: int, end: int) -> Evidence:
        """Return the author's own words behind `folded[start:end]`."""
        if self.at is not None and start < end:
            start, end = self.at[start], self.at[end - 1] + 1
            # A mark that belongs to the last letter goes with it: "é" may be two characters.
            while end < len(self.text) and end - start < MOST_READ and unicodedata.combining(self.text[end]):
                end += 1
        return Evidence(start, end, self.text[start:end])


def reading_of(text: str) -> Reading:
    """Return the comment in plain spelling, with every quotation of other people blanked."""
    folded, at = _folded(text[:MOST_READ])
    return Reading(text, _own_words(folded), at)


def _folded(text: str) -> tuple[str, Sequence[int] | None]:
    plain = text.translate(_PLAIN)
    if "&" in plain and _ENTITY.search(plain):
        return _without_entities(plain)
    if plain.isascii():
        return plain.lower(), None
    return _spelt_out(plain, range(len(plain)))


_ENTITY = re.compile(
    r"&(?:#(\d{1,6})|#x([0-9a-fA-F]{1,5})|(amp|lt|gt|quot|apos|nbsp|rsquo|lsquo|ldquo|rdquo|ndash|mdash|hellip));"
)
_ENTITIES = {
    "amp": "&",
    "lt": "<",
    "gt": ">",
    "quot": '"',
    "apos": "'",
    "nbsp": " ",
    "rsquo": "'",
    "lsquo": "'",
    "ldquo": '"',
    "rdquo": '"',
    "ndash": "-",
    "mdash": "-",
    "hellip": ".",
}


def _without_entities(text: str) -> tuple[str, Sequence[int] | None]:
    letters: list[str] = []
    at: list[int] = []
    last = 0
    for entity in _ENTITY.finditer(text):
        letters.extend(text[last : entity.start()])
        at.extend(range(last, entity.start()))
        decimal, hexadecimal, name = entity.groups()
        number = int(decimal) if decimal else int(hexadecimal or "0", 16)
        letters.append(_ENTITIES[name] if name else chr(number).translate(_PLAIN) if 0 < number < 0x110000 else " ")
        at.append(entity.start())
        last = entity.end()
    letters.extend(text[last:])
    at.extend(range(last, len(text)))
    return _spelt_out("".join(letters), at)


def _spelt_out(text: str, at: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Fold one character at a time: a flood of combining marks costs no more than as many letters."""
    latin = sum("a" <= letter <= "z" for letter in text.lower())
    letters_in_all = sum(map(str.isalpha, text))
    fold = _latin_fold if 2 * latin >= letters_in_all else _own_script_fold
    out: list[str] = []
    places: list[int] = []
    for place, character in zip(at, text, strict=True):
        plain = character.lower() if character.isascii() else fold(character)
        out.append(plain)
        places.extend([place] * len(plain))
    return "".join(out), places


@lru_cache(maxsize=4096)
def _own_script_fold(character: str) -> str:
    """Return the character without its accents, in lower case; nothing for what cannot be seen."""
    if unicodedata.category(character) in ("Cf", "Mn", "Me", "Cs", "Co"):
        return ""
    letters = [c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)]
    plain = "".join(letters).translate(_PLAIN).lower()[:4]
    return plain if plain and (plain.isalnum() or plain.isascii()) else " "


@lru_cache(maxsize=4096)
def _latin_fold(character: str) -> str:
    """Return the Latin letter that the character is, or is drawn like."""
    plain = _own_script_fold(character)
    return "".join(_LOOKALIKES.get(letter, letter) for letter in plain)


# What is not the author's: markup, forum quotations, quoted lines, and "NAME said:" with what follows it.
_BLOCKQUOTE = re.compile(r"</?blockquote\b[^>]{0,500}>")
_BBCODE = re.compile(r"\[quote\b[^\]\n]{0,200}\].*?\[/quote\]", re.DOTALL)
_BREAK_TAG = re.compile(r"</?(?:p|div|li|ul|ol|br|h[1-6]|tr|table|figure|section)\b[^<>]{0,300}>")
_TAG = re.compile(r"</?[a-z][^<>]{0,300}>|<!--.{0,2000}?-->", re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ ]{0,8}>[^\n]*", re.MULTILINE)
_SAID = re.compile(
    r"^(?:on [^\n]{4,60}, ?)?[^\n\s][^\n]{0,40} (?:said|wrote|posted|commented|writes|says):[ ]*\n"
    r"(?:[ ]*\n)?(?:[ ]*[^\n\s][^\n]*(?:\n|\Z))*",
    re.MULTILINE,
)
# "Eilidh said: …" on one line: what follows on it is hers. What one's own people said stays, weighed like the rest.
_SAID_ON_THE_LINE = re.compile(
    r"^@?(?!(?:i|we|he|she|they|it|who|which|what|nobody|somebody|someone|my|our|the|a|an|his|her|one|mum|mam|dad|nan"
    r"|gran)\b)"
    r"[^\W\d_][\w.-]*(?: [^\W\d_][\w.-]*)? (?:said|wrote|posted|commented|writes|says): [^\n]+",
    re.MULTILINE,
)
_SMILE = re.compile(r"(?<=\s)[:;]-?[)(dp](?=\s|$)", re.MULTILINE)
_NEXT_HASHTAG = re.compile(r"(?<=\w )#(?=[^\W\d])")
_MARKDOWN = re.compile(
    r"\*\*|__|^#{1,6} |(?<!\w)#(?=[^\W\d])|~~|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)|^[ ]{0,4}[*+](?= )", re.MULTILINE
)


def _own_words(folded: str) -> str:
    if "<" in folded:
        folded = _without_markup(folded)
    if "[quote" in folded:
        folded = _BBCODE.sub(_blank, folded)
    if ">" in folded:
        folded = _QUOTED_LINE.sub(_blank, folded)
    if ":" in folded:
        folded = _SAID_ON_THE_LINE.sub(_blank, _SAID.sub(_blank, folded))
    if ":" in folded or ";" in folded:
        # A smile ends a sentence as a full stop does.
        folded = _SMILE.sub(lambda smile: "." + " " * (len(smile.group()) - 1), folded)
    if "*" in folded or "_" in folded or "#" in folded:
        # "#nurse #icu" is a list of two.
        folded = _MARKDOWN.sub(_blank, _NEXT_HASHTAG.sub(",", folded))
    return folded


def _blank(found: re.Match[str]) -> str:
    """Return as many blanks, and keep the line ends: what follows stays where it was."""
    return _INK.sub(" ", found.group())


_INK = re.compile(r"[^\n]")


def _without_markup(folded: str) -> str:
    pieces: list[str] = []
    depth = last = 0
    for tag in _BLOCKQUOTE.finditer(folded):
        piece = folded[last : tag.end()] if depth else folded[last : tag.start()]
        pieces.append(_INK.sub(" ", piece) if depth else piece)
        if not depth:
            pieces.append("\n" + " " * (len(tag.group()) - 1))
        depth = max(0, depth + (-1 if tag.group().startswith("</") else 1))
        last = tag.end()
    rest = folded[last:]
    pieces.append(_INK.sub(" ", rest) if depth else rest)
    own = _BREAK_TAG.sub(lambda tag: "\n" + " " * (len(tag.group()) - 1), "".join(pieces))
    return _TAG.sub(_blank, own)
