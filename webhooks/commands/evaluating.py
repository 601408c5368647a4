"""Commands that measure and mend the tagger: explain, evaluate, retrain, taxonomy check."""

# ruff: noqa: E501, S603, S607 - lines of HTML; git, tar and python are called with fixed words
import html
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from plugin.community_lexicons import problems_in
from plugin.evaluation import (
    Figures,
    Judged,
    Rate,
    figures_of,
    is_held_out,
    judge,
    misses_of,
    tags_that_differ,
)
from plugin.explaining import Explanation, explanation_of
from plugin.model import UNKNOWN
from plugin.privacy import LABELS
from plugin.stakeholders import label_of, lexicon_problems
from webhooks.commands.goals import answers_in, goals_of, table_of_goals
from webhooks.commands.tagging import answers_for, labelled_comments


@click.command()
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain(text: str | None, as_json: bool) -> None:
    """Say why a text has its tags: sentences, frames tried, what fired, what blocked it."""
    words = text if text is not None else sys.stdin.read()
    explanation = explanation_of(words)
    if as_json:
        click.echo(json.dumps(_explained(explanation), ensure_ascii=False))
        return
    for sentence in explanation.sentences:
        click.echo(sentence)
    click.echo("\nRead as:")
    for line in explanation.read_as:
        click.echo(f"  {line}")
    if explanation.findings:
        click.echo("\nFound:")
    for one in explanation.findings:
        mark = "+" if one.counted else "-"
        click.echo(
            f"  {mark} {one.type} ({one.frame}, {one.confidence:.2f}) “{one.evidence.text}”: {one.reason.removesuffix(':')}"
        )
    click.echo(f"\nFrames tried: {', '.join(explanation.frames_tried) or 'none'}")


def _explained(explanation: Explanation) -> dict[str, Any]:
    return {
        "sentences": list(explanation.sentences),
        "read_as": list(explanation.read_as),
        "frames_tried": list(explanation.frames_tried),
        "findings": [
            {
                "type": one.type,
                "frame": one.frame,
                "confidence": one.confidence,
                "start": one.evidence.start,
                "end": one.evidence.end,
                "text": one.evidence.text,
                "flags": list(one.flags),
                "counted": one.counted,
                "reason": one.reason,
            }
            for one in explanation.findings
        ],
    }


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--part", type=click.Choice(["all", "held-out", "development"]), default="all", help="Which part to measure."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--page", type=click.Path(dir_okay=False, path_type=Path), help="Also write an HTML page with every miss."
)
@click.option("--against", metavar="REV", help="Show whose tags differ from those of this git revision.")
@click.option("--goals", is_flag=True, help="Print each goal of the tagger with what is reached of it; takes a minute.")
@click.option(
    "--feedback",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --goals: survey answers of patients and families (CSV), where other tags are mostly false.",
)
def evaluate(
    file: Path,
    part: str,
    as_json: bool,
    page: Path | None,
    against: str | None,
    goals: bool,
    feedback: Path | None,
) -> None:
    """Measure the tagger on labelled comments (JSON lines)."""
    from tqdm import tqdm

    comments = [
        one for one in labelled_comments(file) if part == "all" or is_held_out(str(one["id"])) == (part == "held-out")
    ]
    if not comments:
        raise click.ClickException(f"{file} has no comments in the part “{part}”.")
    if against:
        _print_difference(comments, against)
        return
    judge(comments[0])  # the first one also reads the lexicon, which is not what the speed is about
    results = [judge(one) for one in tqdm(comments, desc="Hearing", unit="comment", disable=None)]
    figures = figures_of(results)
    if page:
        page.write_text(page_of(figures, results), encoding="utf-8")
    if goals:
        found = list(goals_of(figures, results, answers_in(feedback) if feedback else []))
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False) if as_json else table_of_goals(found))
        return
    click.echo(json.dumps(as_figures(figures)) if as_json else table_of(figures))


def as_figures(figures: Figures) -> dict[str, Any]:
    """Return the figures as plain data."""
    return {
        "comments": figures.comments,
        "macro_f1": round(figures.macro_f1, 4),
        "macro_f1_interval": [round(one, 4) for one in figures.macro_f1_interval],
        "tags": _rated(figures.tags),
        "coverage": round(figures.coverage, 4),
        "precision_at": [[round(one, 4) for one in row] for row in figures.precision_at],
        "false_on_unknown": [figures.false_on_unknown, figures.unknown_comments],
        "two_roles_exact": [figures.two_roles_exact, figures.two_roles],
        "by_type": {name: _rated(rate) for name, rate in figures.by_type.items()},
        "insight": _rated(figures.insight),
        "insight_hard": list(figures.insight_hard),
        "urgent": _rated(figures.urgent),
        "personal_data": _rated(figures.personal_data),
        "personal_data_by_kind": {kind: _rated(rate) for kind, rate in figures.personal_data_by_kind.items()},
        "per_second": round(figures.per_second),
        "p99_ms": round(figures.p99_ms, 2),
    }


def _rated(rate: Rate) -> dict[str, Any]:
    return {
        "precision": round(rate.precision, 4),
        "recall": round(rate.recall, 4),
        "f1": round(rate.f1, 4),
        "interval": [round(one, 4) for one in rate.interval],
        "right": rate.right,
        "wrong": rate.wrong,
        "missed": rate.missed,
    }


def _rows_of(figures: Figures) -> list[tuple[str, str]]:
    low, high = figures.macro_f1_interval
    right, hard = figures.insight_hard
    return [
        ("Comments", str(figures.comments)),
        ("Macro-F1 over the types, with unknown", f"{figures.macro_f1:.3f} ({low:.3f} to {high:.3f})"),
        ("Precision of tags, at the coverage", f"{figures.tags.precision:.3f} at {figures.coverage:.2f}"),
        ("Recall of tags", f"{figures.tags.recall:.3f}"),
        ("False tags on unknown", _share(figures.false_on_unknown, figures.unknown_comments)),
        ("Two roles, both exact", _share(figures.two_roles_exact, figures.two_roles)),
        (
            "Insight F1",
            f"{figures.insight.f1:.3f} (precision {figures.insight.precision:.3f}, recall {figures.insight.recall:.3f})",
        ),
        ("Insight, hard slice", _share(right, hard)),
        ("Urgent recall, at precision", f"{figures.urgent.recall:.3f} at {figures.urgent.precision:.3f}"),
        ("Personal data found; false hits", f"{figures.personal_data.recall:.3f}; {figures.personal_data.wrong}"),
        *(
            (f"  {LABELS[kind]}", f"{rate.right} of {rate.right + rate.missed}; {rate.wrong} false")
            for kind, rate in figures.personal_data_by_kind.items()
        ),
        ("Comments a second; p99", f"{figures.per_second:,.0f}; {figures.p99_ms:.2f} ms"),
    ]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none in this part"


def table_of(figures: Figures) -> str:
    """Return the figures as a table for a terminal."""
    lines = [f"{name:<40}{value}" for name, value in _rows_of(figures)]
    lines += ["", f"{'type':<28}{'precision':>10}{'recall':>8}{'F1':>7}  {'95 % of F1':<16}{'comments':>8}"]
    for name, rate in figures.by_type.items():
        low, high = rate.interval
        lines.append(
            f"{name:<28}{rate.precision:>10.3f}{rate.recall:>8.3f}{rate.f1:>7.3f}  {low:.3f} to {high:.3f}  {rate.right + rate.missed:>8}"
        )
    lines += ["", f"{'confidence from':<18}{'coverage':>10}{'precision':>11}"]
    lines += [f"{bound:<18}{covered:>10.3f}{precision:>11.3f}" for bound, covered, precision in figures.precision_at]
    return "\n".join(lines)


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#222;background:#fff}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ddd}"
    "mark{background:#ffe9a8;color:inherit}article{border-top:1px solid #ddd;padding:.6rem 0}p.miss{color:#8a2b0e;margin:.2rem 0}"
    "blockquote{margin:.4rem 0;white-space:pre-wrap;overflow-wrap:anywhere}.wide{overflow-x:auto}h3{overflow-wrap:anywhere}"
    "@media (prefers-color-scheme:dark){body{color:#e6e6e6;background:#1b1b1b}mark{background:#5c4a00}p.miss{color:#ffb59c}}"
)


def page_of(figures: Figures, results: Sequence[Judged]) -> str:
    """Return an HTML page: the figures, a picture of what is taken for what, and every miss."""
    rows = "".join(
        f"<tr><th scope='row'>{_safe(name)}</th><td>{_safe(value)}</td></tr>" for name, value in _rows_of(figures)
    )
    types = "".join(
        f"<tr><th scope='row'>{_safe(label_of(name))}</th><td>{rate.precision:.3f}</td><td>{rate.recall:.3f}</td>"
        f"<td>{rate.f1:.3f}</td><td>{rate.interval[0]:.3f} to {rate.interval[1]:.3f}</td><td>{rate.right + rate.missed}</td></tr>"
        for name, rate in figures.by_type.items()
    )
    heads = _heads("Type", "Precision", "Recall", "F1", "95 % of F1", "Comments")
    missed = [one for one in results if one.is_miss]
    return (
        "<!doctype html><html lang='en-GB'><head><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>How well the tagger hears</title><style>{_STYLE}</style></head><body><main><h1>How well the tagger hears</h1>"
        f"{_wide('Figures', f'<table>{rows}</table>')}<h2>By type</h2>"
        f"{_wide('By type', f'<table><tr>{heads}</tr>{types}</table>')}"
        f"<h2>What is taken for what</h2>{_confusions(results)}"
        f"<h2>Every miss ({len(missed)})</h2>{''.join(_miss(one) for one in missed)}</main></body></html>"
    )


def _heads(*names: str) -> str:
    return "".join(f"<th scope='col'>{name}</th>" for name in names)


def _wide(name: str, content: str) -> str:
    """Return something that may be wider than the page, in a box of its own that the keyboard can scroll."""
    return f"<div class='wide' role='region' tabindex='0' aria-label='{name}'>{content}</div>"


def _confusions(results: Sequence[Judged]) -> str:
    names = [*dict.fromkeys(name for one in results for name in (_first_gold(one), one.heard.primary))]
    counts = {(gold, given): 0 for gold in names for given in names}
    for one in results:
        counts[_first_gold(one), one.heard.primary] += 1
    most = max(counts.values(), default=1)
    size, left = 26, 210
    cells = "".join(
        f"<rect x='{left + x * size}' y='{y * size}' width='{size - 2}' height='{size - 2}' fill='#1f6f8b' "
        f"fill-opacity='{counts[gold, given] / most:.2f}'><title>{_safe(gold)} read as {_safe(given)}: {counts[gold, given]}</title></rect>"
        for y, gold in enumerate(names)
        for x, given in enumerate(names)
    )
    labels = "".join(
        f"<text x='0' y='{y * size + 17}' font-size='13' fill='currentColor'>{_safe(label_of(name))}</text>"
        for y, name in enumerate(names)
    )
    picture = (
        f"<svg role='img' aria-label='Rows: what a reader said. Columns, in the same order: what the tagger said.' "
        f"width='{left + size * len(names)}' height='{size * len(names)}'>{labels}{cells}</svg>"
    )
    rows = "".join(
        f"<tr><td>{_safe(label_of(gold))}</td><td>{_safe(label_of(given))}</td><td>{count}</td></tr>"
        for (gold, given), count in sorted(counts.items(), key=lambda item: -item[1])
        if count and gold != given
    )
    table = f"<table><tr>{_heads('A reader said', 'The tagger said', 'Comments')}</tr>{rows}</table>"
    return _wide("A picture of what is taken for what", picture) + _wide("What is taken for what", table)


def _first_gold(one: Judged) -> str:
    return str(one.comment["labels"][0]) if one.comment["labels"] else UNKNOWN


def _miss(one: Judged) -> str:
    said = "".join(f"<p class='miss'>{_safe(miss)}</p>" for miss in misses_of(one))
    frames = ", ".join(f"{tag.type} ({tag.frame})" for tag in one.heard.tags) or "no tag"
    return f"<article><h3>{_safe(str(one.comment['id']))}</h3>{said}<blockquote>{_highlighted(one)}</blockquote><p>{_safe(frames)}</p></article>"


def _highlighted(one: Judged) -> str:
    text, last = one.comment["text"], 0
    pieces: list[str] = []
    spans = sorted((tag.evidence.start, tag.evidence.end) for tag in one.heard.tags if tag.evidence)
    for start, end in spans:
        if start >= last:
            pieces += _safe(text[last:start]), f"<mark>{_safe(text[start:end])}</mark>"
            last = end
    return "".join([*pieces, _safe(text[last:])])


def _safe(text: str) -> str:
    return html.escape(text)


def _print_difference(comments: Sequence[Mapping[str, Any]], revision: str) -> None:
    """Tag the comments with the code of another revision, unpacked beside us, and show whose tags differ."""
    now = answers_for(comments)
    changed = tags_that_differ(_answers_at(revision, comments), now)
    for key, before, after in changed:
        click.echo(f"{key}: {', '.join(before) or UNKNOWN} -> {', '.join(after) or UNKNOWN}")
    click.echo(f"{len(changed)} of {len(comments)} comments are tagged differently from {revision}.")


def _answers_at(revision: str, comments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps({"id": one["id"], "text": one["text"]}) + "\n" for one in comments)
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["git", "archive", revision, "plugin", "webhooks"], cwd=root, capture_output=True, check=False
        )
        if packed.returncode:
            raise click.ClickException(f"There is no revision “{revision}” here to compare with.")
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        program = "from webhooks.cli import main; main(['tag'])"
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=folder,
            input=lines,
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": folder},
        )
    if done.returncode:
        raise click.ClickException(f"The tagger of {revision} does not run: it has no command “tag”.")
    return [json.loads(line) for line in done.stdout.splitlines()]


@click.group()
def taxonomy() -> None:
    """Look after the taxonomy and the lexicon."""


@taxonomy.command()
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A community's own lexicon folder."
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(folder: Path | None, file: Path | None) -> None:
    """Report mistakes in the taxonomy and lexicon files, in plain sentences; of FILE, a community's own, if it is given."""
    problems = problems_in(file) if file else lexicon_problems(folder)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.ClickException("1 mistake found." if len(problems) == 1 else f"{len(problems)} mistakes found.")
    click.echo("The taxonomy and the lexicon are in order.")
