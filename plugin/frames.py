"""The grammar of disclosure: the ways in which people say, or plainly imply, who they are.

The frames themselves are data, in `lexicon/grammar.toml`; docs/tagging.md explains each id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from plugin.vocabulary import lexicon_file


@dataclass(frozen=True, slots=True)
class Frame:
    """One way of disclosing a role.

    `types` are the symbols of the types it proves; empty where a role noun (the group `role`) or a
    place (the group `place`) says it. One of `needs` must stand in a text, or the pattern is not
    tried: looking for a piece of text is many times cheaper. A `weak` frame is believed only
    where nothing stronger says who speaks, a `faint` one where no other frame speaks at all; after one
    that `leads` a second role may follow. `names` is what the pattern takes its types from. In an
    `org_voice` frame an organisation speaks. One of `word` must stand in the author's own words: kin
    and a ward sister share a symbol. None of `unless` may stand in the text. An `event` is something
    that happened in care, not a role: saying "nobody told me" does not deny it.
    """

    id: str
    confidence: float
    pattern: re.Pattern[str]
    types: str
    needs: frozenset[str]
    weak: bool
    leads: bool
    names: str
    org_voice: bool
    word: tuple[str, ...]
    says: str
    faint: bool = False
    event: bool = False
    unless: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grammar:
    """All frames; what blocks one by standing before it in its sentence; how a second role follows a first."""

    frames: tuple[Frame, ...]
    blocked_before: re.Pattern[str]
    event_blocked_before: re.Pattern[str]
    second_role: re.Pattern[str]
    words: frozenset[str]
    pieces: tuple[str, ...]

    def frames_for(self, marked_text: str) -> list[Frame]:
        """Return the frames that can match this text at all, in their order."""
        present = {piece for piece in self.pieces if piece in marked_text}
        words = set(marked_text.split())
        present.update(f" {word} " for word in self.words & words)
        named = {
            "",
            *(["role"] if not words.isdisjoint(_ROLE_SYMBOLS) else []),
            *(["place"] if " O" in marked_text else []),
        }
        return [
            frame
            for frame in self.frames
            if frame.names in named
            and (not frame.needs or not present.isdisjoint(frame.needs))
            and present.isdisjoint(frame.unless)
        ]


@cache
def default_grammar() -> Grammar:
    """Return the grammar that comes with the program, compiled once."""
    return grammar_from(lexicon_file("grammar.toml"))


def grammar_from(content: Mapping[str, Any]) -> Grammar:
    """Return the grammar of a parsed file."""
    parts: dict[str, str] = content["parts"]
    frames = tuple(_frame_from(entry, parts) for entry in content["frame"])
    blockers = {name: re.compile(filled(pattern, parts)) for name, pattern in content["blockers"].items()}
    second = re.compile(filled(content["second"]["pattern"], parts))
    pieces = {piece for frame in frames for piece in frame.needs | frame.unless}
    whole = {piece for piece in pieces if _WHOLE_WORD.fullmatch(piece)}
    words = frozenset(piece.strip() for piece in whole)
    return Grammar(frames, blockers["before"], blockers["event"], second, words, tuple(sorted(pieces - whole)))


def _frame_from(entry: Mapping[str, Any], parts: Mapping[str, str]) -> Frame:
    return Frame(
        id=entry["id"],
        confidence=entry["confidence"],
        pattern=re.compile(filled(entry["pattern"], parts)),
        types=entry.get("types", ""),
        needs=frozenset(entry["needs"].split("~")) if entry.get("needs") else frozenset(),
        weak=entry.get("weak", False),
        leads=entry.get("leads", "(?P<role>" in filled(entry["pattern"], parts)),
        names=next((group for group in ("role", "place") if f"(?P<{group}>" in filled(entry["pattern"], parts)), ""),
        org_voice=entry.get("org_voice", False),
        word=tuple(entry["word"].split("~")) if entry.get("word") else (),
        says=entry.get("says", ""),
        faint=entry.get("faint", False),
        event=entry.get("event", entry["id"].startswith(("patient.", "carer.")) and bool(entry.get("types"))),
        unless=frozenset(entry["unless"].split("~")) if entry.get("unless") else frozenset(),
    )


_ROLE_SYMBOLS = frozenset(symbol + many for symbol in "PCLHSQMEVRI" for many in ("", "s"))
_WHOLE_WORD = re.compile(r" [^ ]+ ")
_PART = re.compile(r"(?<!\?P)<([A-Z]+)>")


def filled(pattern: str, parts: Mapping[str, str]) -> str:
    """Return the pattern with each <NAME> replaced by that part, parts within parts included."""
    while _PART.search(pattern):
        pattern = _PART.sub(lambda part: parts[part.group(1)], pattern)
    return pattern
