"""Cut a comment into pieces, so that the words that prove something can be marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from plugin.model import PersonalData
from plugin.privacy import LABELS

Span = tuple[int, int]

MOST_SHOWN = 1_200
AROUND = 240
LEFT_OUT = " […] "
# Of what stands before the evidence, in few words of a long text.
BEFORE = 80


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a comment, and what they are marked for; `marks` is empty for most."""

    text: str
    marks: frozenset[str]


def pieces_of(text: str, **marked: Iterable[Span]) -> tuple[Piece, ...]:
    """Return the whole text in pieces, each knowing which of the named marks covers it.

    `pieces_of("As a carer I ask", says=[(5, 10)])` marks "carer" with "says". Marks may overlap.
    """
    spans = [(name, start, end) for name, places in marked.items() for start, end in _within(text, places)]
    edges = sorted({0, len(text), *(edge for _, start, end in spans for edge in (start, end))})
    pieces = []
    for start, end in pairwise(edges):
        marks = frozenset(name for name, begins, ends in spans if begins <= start and end <= ends)
        pieces.append(Piece(text[start:end], marks))
    return tuple(pieces)


def without_personal_data(
    text: str, found: Sequence[PersonalData], evidence: Iterable[Span]
) -> tuple[str, tuple[Span, ...]]:
    """Return the text with personal data replaced, and where the evidence stands in it now."""
    written: list[str] = []
    shifts: list[tuple[int, int, int, int]] = []  # old start and end, new start and end
    length = last = 0
    for one in sorted(found, key=lambda one: one.start):
        if one.start < last:
            continue
        note = f"[{LABELS.get(one.kind, 'personal data')} removed]"
        written += [text[last : one.start], note]
        length += one.start - last
        shifts.append((one.start, one.end, length, length + len(note)))
        length += len(note)
        last = one.end
    redacted = "".join([*written, text[last:]])
    return redacted, tuple((_moved(start, shifts, 2), _moved(end, shifts, 3)) for start, end in _within(text, evidence))


def _moved(place: int, shifts: Sequence[tuple[int, int, int, int]], edge: int) -> int:
    """Return where a place of the old text is in the new one; inside a replacement, its `edge`."""
    moved = place
    for start, end, new_start, new_end in shifts:
        if place >= end:
            moved = place + new_end - end
        elif place > start:
            return (new_start, new_end)[edge - 2]
    return moved


def excerpt_around(text: str, evidence: Iterable[Span]) -> tuple[str, tuple[Span, ...]]:
    """Return a short text whole, and of a long one what stands around the evidence, with its places."""
    spans = sorted(_within(text, evidence))
    if len(text) <= MOST_SHOWN:
        return text, tuple(spans)
    cut, kept, end = "", [], 0
    for start, end in _windows(text, spans or [(0, min(AROUND, len(text)))]):
        cut += LEFT_OUT if start else ""
        offset = len(cut) - start
        kept += [
            (max(begins, start) + offset, min(ends, end) + offset)
            for begins, ends in spans
            if begins < end and start < ends
        ]
        cut += text[start:end]
    return cut + (LEFT_OUT.rstrip() if end < len(text) else ""), tuple(kept)


def shortened(segments: Sequence[tuple[str, bool]], most: int) -> tuple[tuple[str, bool], ...]:
    """Return what fits into so many characters of words in segments, from just before the first that is evidence.

    Each segment has whether it is evidence; what is left out before and after is an ellipsis.
    """
    text = "".join(words for words, _ in segments)
    if len(text) <= most:
        return tuple(segments)
    first = next((place for place, (_, is_evidence) in enumerate(segments) if is_evidence), 0)
    told = sum(len(words) for words, _ in segments[:first])
    start = _word_start(text, min(told - BEFORE, len(text) - most))
    end = _word_end(text, start + most)
    kept, place = [("…", False)] if start else [], 0
    for words, is_evidence in segments:
        piece = words[max(start - place, 0) : max(end - place, 0)]
        kept += [(piece, is_evidence)] if piece else []
        place += len(words)
    return (*kept, *([("…", False)] if end < len(text) else []))


def _windows(text: str, spans: Sequence[Span]) -> list[Span]:
    """Return what to keep around each span, merged where two windows meet, cut between words."""
    windows: list[Span] = []
    for begins, ends in spans:
        # Evidence of many thousand characters is not evidence that somebody reads in a mail.
        start = _word_start(text, begins - AROUND)
        end = _word_end(text, min(ends, begins + MOST_SHOWN) + AROUND)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(end, windows[-1][1]))
        else:
            windows.append((start, end))
    return windows


def _word_start(text: str, place: int) -> int:
    if place <= 0:
        return 0
    gap = text.find(" ", place, place + 40)
    return place if gap < 0 else gap + 1


def _word_end(text: str, place: int) -> int:
    if place >= len(text):
        return len(text)
    gap = text.rfind(" ", place - 40, place)
    return place if gap < 0 else gap


def _within(text: str, spans: Iterable[Span]) -> list[Span]:
    return [(start, min(end, len(text))) for start, end in spans if 0 <= start < min(end, len(text))]
