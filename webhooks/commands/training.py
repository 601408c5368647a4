"""Commands that train the tagger: retrain, teach, which gives it more to learn from, and families of like words."""

import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from plugin.evaluation import is_held_out, is_learned_from
from plugin.model import UNKNOWN
from plugin.stakeholders import all_types
from webhooks.commands.goals import answers_in
from webhooks.commands.tagging import labelled_comments

LEAST_GAIN = 0.0
NEEDED_TO_TEACH = "Teaching needs torch, transformers and numpy: install them first."


@click.command()
@click.argument("training", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--check",
    "checked",
    required=True,
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Labelled comments to compare on, as often as needed; only their held-out part is used.",
)
@click.option(
    "--fresh",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="More that no frame was written for: they teach how far to trust frames and words. As often as needed.",
)
@click.option(
    "--feedback",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Survey answers of patients and families (CSV): nobody speaks as staff there. Half of them are learned from.",
)
@click.option(
    "--taught",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `manyvoices teach` has written.",
)
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="Folder to write the weights to.")
@click.option("--from-corrections", is_flag=True, help="Learn who speaks from the corrections in the database too.")
def retrain(
    training: tuple[Path, ...],
    checked: tuple[Path, ...],
    fresh: tuple[Path, ...],
    feedback: Path | None,
    taught: Path | None,
    into: Path | None,
    from_corrections: bool,
) -> None:
    """Fit the learned weights to labelled comments; a model that is not better is refused."""
    from plugin import learning, learning_voices
    from plugin.fallback import model_from, model_named
    from plugin.vocabulary import LEXICON
    from plugin.voices import VOICE_WEIGHTS, as_lines, default_voices, voices_from

    told, new = _told_in(training), _told_in(fresh)
    check = [one for file in checked for one in labelled_comments(file) if is_held_out(str(one["id"]))]
    if not told or not check:
        raise click.ClickException("Training needs labelled comments, and the check needs some of its held-out part.")
    lessons = _lessons_in(taught) if taught else []
    corrected = _corrected() if from_corrections else []
    answers = [text for text in answers_in(feedback) if is_learned_from(text)] if feedback else []
    told_of = {
        "insight": [one for one in (*told, *new) if "insight_kind" in one],
        "urgent": [one for one in (*told, *new) if isinstance(one.get("urgent"), bool)],
    }
    try:
        weights = {
            "insight": learning.insight_weights(told_of["insight"]),
            "voice": learning_voices.voice_weights(
                [one for one in told if "labels" in one and new],
                [one for one in new or told if "labels" in one],
                corrected,
                answers,
                lessons,
                _watched,
            ),
        }
        if any(one["urgent"] for one in told_of["urgent"]):
            weights["urgent"] = learning.urgent_weights(told_of["urgent"], answers)
    except ImportError:
        raise click.ClickException("Training needs scikit-learn: install manyvoices[train].") from None
    except ValueError as problem:
        raise click.ClickException(f"These comments are too few or too alike to learn from ({problem}).") from None
    present: dict[str, Any] = {
        "insight": model_named("insight"),
        "urgent": model_named("urgent"),
        "voice": default_voices(),
    }
    measures: dict[str, tuple[Callable[[Any, list[dict[str, Any]]], float], Callable[[dict[str, Any]], Any]]] = {
        "insight": (learning.insight_accuracy, model_from),
        "urgent": (learning.urgent_f2, model_from),
        "voice": (learning_voices.voice_f1, voices_from),
    }
    refused = False
    for name, content in weights.items():
        measure, model_of = measures[name]
        before = measure(present[name], check) if present[name] else 0.0
        after = measure(model_of(content), check)
        if before and after <= before + LEAST_GAIN:
            click.echo(f"{name}: {after:.3f} is not better than {before:.3f}: the present weights stay.")
            refused = True
            continue
        target = (into or LEXICON) / (VOICE_WEIGHTS.name if name == "voice" else f"{name}_weights.json")
        lines = as_lines(content) if name == "voice" else [json.dumps(content, ensure_ascii=False)]
        target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        click.echo(f"{name}: {after:.3f} instead of {before:.3f}: written to {target.name}.")
    if refused:
        raise click.ClickException("Not every new model was better; those were refused.")


def _watched(hands: Sequence[str]) -> Iterable[str]:
    from tqdm import tqdm

    return tqdm(hands, desc="Learning voices", unit="hand", disable=None, leave=False)


def _lessons_in(file: Path) -> list[dict[str, Any]]:
    lessons = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                one = json.loads(line)
                fits = isinstance(one["text"], str) and one["voices"].keys() <= {*all_types(), UNKNOWN}
            except (ValueError, KeyError, TypeError, AttributeError):
                fits = False
            if not fits:
                raise click.ClickException(f"{file.name}, line {number}: not what `manyvoices teach` writes.")
            lessons.append(one)
    return lessons


@click.command()
@click.argument("encoder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("vectors", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("training", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write to.")
@click.option("--times", type=click.IntRange(1), default=6, show_default=True, help="Variations of each comment.")
def teach(encoder: Path, vectors: Path, training: tuple[Path, ...], into: Path, times: int) -> None:
    """Let a sentence ENCODER learn who speaks, and write what it hears in variations of the comments, for retrain.

    ENCODER is a folder as the library transformers saves it, VECTORS a list of words in GloVe's text form. It takes
    half an hour.
    """
    from plugin import teaching

    told = [one for one in _told_in(training) if "labels" in one]
    texts = [one["text"] for one in told]
    seen = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}
    dice = random.Random(0)  # noqa: S311 - training, not secrets
    try:
        with vectors.open(encoding="utf-8") as lines:
            near = teaching.neighbours_of(lines, seen)
    except ImportError:
        raise click.ClickException(NEEDED_TO_TEACH) from None
    except ValueError as problem:
        raise click.ClickException(f"{vectors.name} is not a list of words and numbers ({problem}).") from None
    varied = teaching.variations(texts, near, times, dice)
    try:
        found = teaching.taught(told, varied, encoder, _heard)
    except ImportError:
        raise click.ClickException(NEEDED_TO_TEACH) from None
    except (OSError, ValueError):
        raise click.ClickException(f"{encoder.name} is not a sentence encoder that transformers can read.") from None
    into.write_text("".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in found), encoding="utf-8")
    click.echo(f"{len(found)} variations heard: written to {into.name}. Now run retrain with --taught.")


def _heard(batches: Iterable[Any], what: str) -> Iterable[Any]:
    from tqdm import tqdm

    return tqdm(batches, desc=what, unit="batch", disable=None, leave=False)


def _told_in(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the labelled comments of these files without those that are never learned from."""
    return [
        one
        for file in files
        for one in labelled_comments(file, or_urgent=True)
        if not (is_held_out(str(one["id"])) or one.get("held_out") or one.get("notes") == "unseen")
    ]


def _corrected() -> list[dict[str, Any]]:
    from plugin.store.opening import reading
    from plugin.store.tags import corrected_comments
    from webhooks.commands.starting import database, settings

    with database(settings()) as db, reading(db) as conn:
        found = corrected_comments(conn)
    click.echo(f"Corrected by people, and here to learn from: {len(found)}.")
    return found


@click.command()
@click.argument("vectors", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("texts", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="File to write the families to.")
@click.option("--count", type=click.IntRange(2), default=1000, show_default=True, help="Families to make at first.")
def families(vectors: Path, texts: tuple[Path, ...], into: Path | None, count: int) -> None:
    """Group words that are used alike, by VECTORS in GloVe's text form; families that no text needs are left out."""
    from plugin import learning_voices
    from plugin.vocabulary import LEXICON

    told = (one["text"] for file in texts for one in labelled_comments(file, or_urgent=True))
    seen = {word for text in told for word in re.findall(r"[a-z'-]+", text.lower())}
    try:
        with vectors.open(encoding="utf-8") as lines:
            found = learning_voices.families_of(lines, seen, count)
    except ImportError:
        raise click.ClickException("Training needs scikit-learn: install manyvoices[train].") from None
    except ValueError as problem:
        raise click.ClickException(f"{vectors.name} is not a list of words and numbers ({problem}).") from None
    target = into or LEXICON / "families.txt"
    target.write_text("".join(f"{' '.join(family)}\n" for family in found), encoding="utf-8")
    click.echo(f"{len(found)} families of {sum(map(len, found))} words: written to {target.name}. Now run retrain.")
