"""The command that tags comments from standard input, and the form of its answer."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import click

from plugin.listening import Heard, heard_in
from plugin.model import Evidence, Tag


@click.command()
@click.argument("source", type=click.File("r", encoding="utf-8", errors="strict"), default="-")
def tag(source: TextIO) -> None:
    """Tag comments: JSON lines {"id", "text"} in, one line each out."""
    for comment in _comments(source):
        click.echo(json.dumps({"id": comment["id"], **as_answer(heard_in(comment["text"]))}))


def answers_for(comments: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each comment what `manyvoices tag` answers."""
    return [{"id": one["id"], **as_answer(heard_in(one["text"]))} for one in comments]


def labelled_comments(file: Path, *, or_urgent: bool = False) -> list[dict[str, Any]]:
    """Return the comments of a JSON lines file with labels, or at least with "urgent" where that is enough.

    ClickException names the line that is not one.
    """
    with file.open(encoding="utf-8") as source:
        comments = list(_comments(source))
    for number, comment in enumerate(comments, start=1):
        if or_urgent and comment.get("urgent", "") in (True, False, None):
            continue
        if not isinstance(comment.get("labels"), list) or not comment["labels"]:
            raise click.ClickException(f'{file.name}: comment {number} has no "labels".')
    return comments


def _comments(source: TextIO) -> Iterator[dict[str, Any]]:
    """Yield each comment. A bad line stops us by its number; the lines before it are answered."""
    number = 0
    try:
        for number, line in enumerate(source, start=1):
            if line.strip():
                yield _comment(number, line)
    except UnicodeDecodeError:
        raise click.ClickException(f"Line {number + 1} is not UTF-8 text.") from None


def _comment(number: int, line: str) -> dict[str, Any]:
    try:
        comment = json.loads(line)
    except (ValueError, RecursionError):
        raise click.ClickException(f"Line {number} is not JSON.") from None
    if not isinstance(comment, dict):
        raise click.ClickException(f'Line {number} is not an object with "id" and "text".')
    for key in ("id", "text"):
        if key not in comment:
            raise click.ClickException(f'Line {number} has no "{key}".')
    if not isinstance(comment["text"], str):
        raise click.ClickException(f'Line {number}: "text" is not a string.')
    return comment


def as_answer(heard: Heard) -> dict[str, Any]:
    """Return what was heard in the form that `manyvoices tag` promises (see docs/tagging.md)."""
    return {
        "tags": [_as_tag(one) for one in heard.tags],
        "primary": heard.primary,
        "insight": {
            "is_insight": heard.insight.is_insight,
            "score": heard.insight.score,
            "kind": heard.insight.kind,
            "evidence": [_as_span(one) for one in heard.insight.evidence],
        },
        "urgent": {"is_urgent": heard.urgency.is_urgent, "evidence": [_as_span(one) for one in heard.urgency.evidence]},
        "personal_data": [{"kind": one.kind, "start": one.start, "end": one.end} for one in heard.personal_data],
    }


def _as_tag(one: Tag) -> dict[str, Any]:
    span = _as_span(one.evidence) if one.evidence else {"start": None, "end": None, "text": None}
    return {
        "type": one.type,
        "confidence": round(one.confidence, 3),
        **span,
        "frame": one.frame,
        "flags": list(one.flags),
    }


def _as_span(evidence: Evidence) -> dict[str, Any]:
    return {"start": evidence.start, "end": evidence.end, "text": evidence.text}
