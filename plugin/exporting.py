"""What an export of the desk says of an insight: no more than its author agreed to, and nothing a spreadsheet obeys."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from plugin.basis import Sending, Withheld, basis_on_desk
from plugin.consent import Credit, allows, answers
from plugin.crediting import source_words
from plugin.forwarding import ForwardedCopy, told_tags
from plugin.model import InsightKind, Tag
from plugin.outcomes import MEANINGS, State, Step
from plugin.stakeholders import label_of

NoText = Literal[
    "comment_deleted",
    "withdrawn",
    "held_for_a_look",
    "comment_hidden",
    "not_asked",
    "discussion_not_public",
    "no_quote_consent",
]
# What makes a spreadsheet run a cell instead of showing it, wide forms included (OWASP, "CSV Injection").
RUNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
BREAKS = ("\t", "\r", "\n")
# What spreadsheets skip, or people paste, before it.
SKIPPED = " '\"`´‘’“”\u00a0\u200b\u2060\ufeff\t\r\n"


@dataclass(frozen=True, slots=True)
class Exported:
    """One insight as a row. Without a live consent to be quoted, `text` is empty and `no_text_because` says why.

    `types` are pairs of a stakeholder type and where it is known from. `merged_into` is another row's id, or None.
    """

    id: int
    found: datetime
    community: str
    discussion_title: str
    discussion_url: str
    comment_url: str
    kind: InsightKind
    types: tuple[tuple[str, str], ...]
    themes: tuple[str, ...]
    state: State
    assignee: str | None
    credit: str
    quote: Literal["yes", "no", "not_asked"]
    text: str
    no_text_because: NoText | None
    outcome: Step | None
    merged_into: int | None


def exported(
    *,
    id: int,
    found_at: datetime,
    community: str,
    discussion_url: str,
    copy: ForwardedCopy,
    kind: InsightKind,
    tags: Sequence[Tag],
    credit: Credit | None,
    sending: Sending,
    themes: Sequence[str],
    state: State,
    steps: Iterable[Step],
    assignee: str | None,
    merged_into: int | None,
) -> Exported:
    """Return the row of an insight; where the editors may not read it now, it says nothing of who speaks either."""
    may_read = not isinstance(basis_on_desk(sending), Withheld)
    because = no_text_because(sending)
    outcomes = [step for step in steps if MEANINGS[step.state].is_news]
    return Exported(
        id=id,
        found=found_at,
        community=community,
        discussion_title=copy.discussion_title,
        discussion_url=discussion_url,
        comment_url=copy.comment_url,
        kind=kind,
        types=tuple((tag.type, source_words(tag)) for tag in told_tags(tags, credit)) if may_read else (),
        themes=tuple(themes) if may_read else (),
        state=state,
        assignee=assignee,
        credit=copy.credit if may_read else "",
        quote=_quote(sending),
        text="" if because else "".join(words for words, _ in copy.segments),
        no_text_because=because,
        outcome=outcomes[-1] if outcomes else None,
        merged_into=merged_into,
    )


def no_text_because(sending: Sending) -> NoText | None:
    """Return why an export leaves the words out now; None where its author lets them be quoted and nothing hinders."""
    return next((code for hinders, code in REASONS if hinders(sending)), None)


def csv_lines(rows: Iterable[Exported]) -> str:
    """Return rows as CSV; every cell that a spreadsheet could take for a formula begins with an apostrophe."""
    return _written([[safe_cell(value) for value in _cells(row)] for row in rows])


def csv_head() -> str:
    """Return the first line of the CSV: the columns by name, after the mark by which spreadsheets know UTF-8."""
    return "\ufeff" + _written([list(COLUMNS)])


def json_lines(rows: Iterable[Exported]) -> str:
    """Return rows as JSON, one object a line."""
    return "".join(json.dumps(_fields(row), ensure_ascii=False) + "\n" for row in rows)


def safe_cell(value: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: where it could, an apostrophe stands before it."""
    return f"'{value}" if value.startswith(BREAKS) or value.lstrip(SKIPPED).startswith(RUNS) else value


def _written(lines: Iterable[Sequence[str]]) -> str:
    page = io.StringIO()
    csv.writer(page, quoting=csv.QUOTE_ALL).writerows(lines)
    return page.getvalue()


def _cells(row: Exported) -> list[str]:
    return [_cell(value) for value in _fields(row).values()]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_cell(one) for one in value)
    if isinstance(value, dict):
        return f"{value['label']} ({value['source']})" if "source" in value else _outcome_words(value)
    return "" if value is None else str(value)


def _outcome_words(outcome: Mapping[str, Any]) -> str:
    more = [outcome[name] for name in ("title", "link", "body", "reason") if outcome[name]]
    return ": ".join([outcome["label"], ", ".join(more)] if more else [outcome["label"]])


def _fields(row: Exported) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in COLUMNS}
    fields["found"] = row.found.isoformat(timespec="seconds")
    fields["types"] = [{"type": one, "label": label_of(one), "source": source} for one, source in row.types]
    fields["themes"] = list(row.themes)
    if row.outcome:
        step = row.outcome
        fields["outcome"] = {
            "state": step.state,
            "label": MEANINGS[step.state].label,
            "at": step.at.isoformat(timespec="seconds"),
            **{name: getattr(step, name) for name in ("title", "link", "body", "reason")},
        }
    return fields


def _quote(sending: Sending) -> Literal["yes", "no", "not_asked"]:
    if "quote" not in answers(sending.receipts):
        return "not_asked"
    return "yes" if allows(sending.receipts, "quote") else "no"


def _said_no(sending: Sending) -> bool:
    answer = answers(sending.receipts).get("forward")
    return answer is not None and not answer.given


def _is_private(sending: Sending) -> bool:
    return sending.audience != "public" and not allows(sending.receipts, "forward")


# Why the words are left out; the first that holds is said.
REASONS: tuple[tuple[Callable[[Sending], bool], NoText], ...] = (
    (lambda sending: sending.state == "deleted", "comment_deleted"),
    (_said_no, "withdrawn"),
    (lambda sending: sending.is_held, "held_for_a_look"),
    (lambda sending: sending.state not in ("visible", "direct"), "comment_hidden"),
    (_is_private, "discussion_not_public"),
    (lambda sending: isinstance(basis_on_desk(sending), Withheld), "not_asked"),
    (lambda sending: not allows(sending.receipts, "quote"), "no_quote_consent"),
)

COLUMNS = (
    "id",
    "found",
    "community",
    "discussion_title",
    "discussion_url",
    "comment_url",
    "kind",
    "types",
    "themes",
    "state",
    "assignee",
    "credit",
    "quote",
    "text",
    "no_text_because",
    "outcome",
    "merged_into",
)
