"""Say whether a summary still is what it was made from, and name what differs.

A receipt holds no words: keyed digests of what went in, and of each cited line with its place. The digests of a
comment go when the comment does.
"""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugin import balance, citing, summaries, themes
from plugin.model import Tag
from plugin.summaries import Line, Spoken

PURPOSE = "summary"


@dataclass(frozen=True, slots=True)
class Input:
    """What went in of one comment: digests of its words, its standing tags, and what else counts.

    They are None where the comment was removed since: nothing of it is kept.
    """

    comment: int
    words: str | None
    tags: str | None
    about: str | None


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A cited line: its place, and a digest of the place with the words, None where its comment was removed."""

    number: int
    comment: int
    start: int
    end: int
    digest: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a summary was made from. `comments` is how many went in; those that were erased have no row."""

    discussion: int
    parameters: Mapping[str, Any]
    lexicon: str
    comments: int
    inputs: tuple[Input, ...]
    lines: tuple[SealedLine, ...]


def parameters_for(expected_types: Sequence[str]) -> dict[str, Any]:
    """Return everything that a summary depends on beside its comments and the theme words."""
    return {
        "expected_types": list(expected_types),
        "lines_each": citing.LINES_EACH,
        "telling": citing.TELLING,
        "most_compared": citing.MOST_COMPARED,
        "longest_line": citing.LONGEST_LINE,
        "most_questions": summaries.MOST_QUESTIONS,
        "fewest_words_asked": citing.FEWEST_WORDS_ASKED,
        "fewest_people": balance.FEWEST_PEOPLE,
        "fewest_comments": themes.FEWEST_COMMENTS,
    }


def input_of(key: bytes, spoken: Spoken, tags: Iterable[Tag]) -> Input:
    """Return the digests of one comment as it is now."""
    standing = [[tag.type, tag.source, tag.status, list(tag.flags)] for tag in tags]
    insight = spoken.insight and [
        spoken.insight.score,
        spoken.insight.kind,
        [[one.start, one.end] for one in spoken.insight.evidence],
    ]
    about = [str(spoken.person), spoken.created_at.isoformat(), spoken.is_answered, insight]
    return Input(
        spoken.id,
        _digest(key, "words", spoken.id, spoken.text),
        _digest(key, "tags", spoken.id, standing),
        _digest(key, "about", spoken.id, about),
    )


def sealed_line(key: bytes, line: Line) -> SealedLine:
    """Return a cited line without its words."""
    return SealedLine(line.number, line.comment, line.start, line.end, _line_digest(key, line, line.words))


def differences(
    key: bytes, kept: Receipt, now: Receipt, texts: Mapping[int, str], saved: Mapping[int, str] | None = None
) -> list[str]:
    """Return in plain sentences what differs, nothing where the summary verifies.

    Args:
        key: the key of the digests.
        kept: the receipt.
        now: what the same summary is made from today.
        texts: the words of the visible comments of the discussion.
        saved: the words of each line by its number, where somebody saved them with the receipt.
    """
    return [
        *_parameters(kept, now),
        *(["The theme lexicon changed."] if kept.lexicon != now.lexicon else []),
        *_inputs(kept, now),
        *_lines(key, kept, texts, saved),
        *_choice(kept, now),
    ]


def _parameters(kept: Receipt, now: Receipt) -> list[str]:
    names = sorted({*kept.parameters, *now.parameters})
    return [f"The parameter {name} changed." for name in names if kept.parameters.get(name) != now.parameters.get(name)]


def _inputs(kept: Receipt, now: Receipt) -> list[str]:
    found: list[str] = []
    before, after = ({one.comment: one for one in receipt.inputs} for receipt in (kept, now))
    erased = kept.comments - len(before)
    if erased:
        found.append(f"{erased} of the {kept.comments} comments that went in were erased.")
    for comment, one in sorted(before.items()):
        if one.words is None:
            found.append(f"Comment {comment} was removed.")
        elif comment not in after:
            found.append(f"Comment {comment} is not to be seen any more.")
        else:
            then = after[comment]
            found += [
                f"Comment {comment}’s {what} changed."
                for what, old, new in (
                    ("words", one.words, then.words),
                    ("tags", one.tags, then.tags),
                    ("author, time, answer or insight", one.about, then.about),
                )
                if old != new
            ]
    return found + [f"Comment {comment} is new." for comment in sorted(after.keys() - before.keys())]


def _lines(key: bytes, kept: Receipt, texts: Mapping[int, str], saved: Mapping[int, str] | None) -> list[str]:
    found = []
    for line in kept.lines:
        text = texts.get(line.comment)
        words = None if text is None else text[line.start : line.end]
        if line.digest is None or words is None:
            found.append(f"Line {line.number} has no comment any more.")
        elif _line_digest(key, line, words) != line.digest:
            found.append(f"Line {line.number} does not match its comment ({line.comment}).")
        elif saved is not None and saved.get(line.number) != words:
            found.append(f"The saved words of line {line.number} do not match its comment ({line.comment}).")
    return found


def _choice(kept: Receipt, now: Receipt) -> list[str]:
    """Return whether the same inputs were chosen from otherwise: then it is the program that changed."""
    same = (kept.parameters, kept.lexicon, kept.inputs) == (now.parameters, now.lexicon, now.inputs)
    if same and kept.lines != now.lines:
        return ["The lines differ though nothing that they are made from does: the receipt or the program changed."]
    return []


def _line_digest(key: bytes, line: Line | SealedLine, words: str) -> str:
    return _digest(key, "line", line.comment, [line.number, line.start, line.end, words])


def _digest(key: bytes, what: str, comment: int, content: object) -> str:
    # Bound to the comment: the same words elsewhere have another digest, so nobody can match the two.
    spelt = json.dumps([what, comment, content], separators=(",", ":"))
    return hmac.digest(key, spelt.encode(), "sha256").hex()
