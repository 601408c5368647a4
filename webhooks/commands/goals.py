"""The goals of the tagger, each with what is reached: what `manyvoices evaluate FILE --goals` prints."""

import csv
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from plugin.evaluation import SEED, Figures, Judged, cause_of, is_learned_from, judge
from plugin.listening import Heard, heard_in
from plugin.privacy import is_nhs_number
from plugin.stakeholders import main_types

# People who answer a survey about their care are patients and families: any other tag is looked at one by one.
LIVED = frozenset({"patient", "carer"})
# "80-word comments", give or take.
FEWEST_WORDS, MOST_WORDS = 70, 90
FEWEST_TIMED = 200
HOSTILE_LETTERS = 100_000
TIMES = 3
WRITTEN_EACH = 20
ONE_WORD_IN = 10
SHORTEST_MISTYPED = 4

HOSTILE = {
    "combining marks": "a" + "\u0315\u0300" * 50_000,
    "one long word": "n" * 100_000,
    "ligatures that grow": "\ufdfa" * 10_000,
    "quotes in quotes": "> " * 50_000,
    "open tags": "<b" * 50_000,
    "blockquotes": "<blockquote>" * 8_000,
    "half quotes": "\"' " * 33_000,
    "I am": "I am a " * 14_000,
    "my mum": "my mum and " * 9_000,
    "short sentences": "my mum was in. " * 7_000,
    "things that happened": "when i was in hospital my mum was " * 3_000,
    "as a nurse": "as a nurse, " * 8_000,
    "commas": "a, " * 33_000,
    "digits": "07 " * 33_000,
    "entities": "&#39;" * 20_000,
    "emoji": "\U0001f468\u200d\U0001f469" * 20_000,
    "blanks": " \n" * 50_000,
    "said": "ann said:\n" * 10_000,
    "capitals": "Mr Abc-Def " * 9_000,
}


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal, what is reached of it, and whether that is enough; `met` is None where nothing was there to measure."""

    what: str
    wanted: str
    reached: str
    met: bool | None


def goals_of(figures: Figures, results: Sequence[Judged], feedback: Sequence[str]) -> Iterator[Goal]:
    """Yield each goal with what is reached.

    Args:
        figures: those of `results`.
        results: labelled comments that were heard.
        feedback: answers to a survey by patients and families, without labels; may be empty. Only the half that
            nothing is learned from is counted.
    """
    yield from _of_tags(figures, results)
    yield from _of_the_rest(figures)
    if feedback:
        yield from _of_feedback(feedback)
    yield _written_in_every_way()
    yield from _of_speed([*(one.comment["text"] for one in results), *feedback])
    yield _of_hostile_comments()
    yield from _of_loading()


def answers_in(file: Path) -> list[str]:
    """Return the texts of a CSV file of survey answers: its column `text`, or else its first.

    Raises:
        click.ClickException: the file cannot be read as a table.
    """
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            names = rows.fieldnames or []
            column = "text" if "text" in names else next(iter(names), "")
            return [row[column] for row in rows if row[column]]
    except (UnicodeDecodeError, csv.Error, KeyError):
        raise click.ClickException(f"{file} is not a table of answers (CSV, in UTF-8).") from None


def table_of_goals(goals: Iterable[Goal]) -> str:
    """Return the goals as a table for a terminal."""
    marks = {True: "yes", False: "no", None: "-"}
    lines = [f"{'':<58}{'goal':<22}{'met':<5}reached"]
    lines += [f"{one.what:<58}{one.wanted:<22}{marks[one.met]:<5}{one.reached}" for one in goals]
    return "\n".join(lines)


def _of_tags(figures: Figures, results: Sequence[Judged]) -> Iterator[Goal]:
    low, high = figures.macro_f1_interval
    reached = f"{figures.macro_f1:.3f} ({low:.3f} to {high:.3f})"
    yield Goal("macro-F1 over the types, with unknown", "0.90", reached, figures.macro_f1 >= 0.90)
    covering = [(precision, covered) for _, covered, precision in figures.precision_at if covered >= 0.65]
    precision, covered = max(covering, default=(0.0, figures.coverage))
    reached = f"{precision:.3f} at {covered:.2f}" if covering else f"coverage is {covered:.2f}"
    yield Goal("precision of tags, at coverage 0.65 or more", "0.97", reached, precision >= 0.97)
    for name in main_types():
        rate = figures.by_type.get(name)
        yield Goal(
            f"F1 of {name}", "0.88", f"{rate.f1:.3f}" if rate else "none here", rate.f1 >= 0.88 if rate else None
        )
    yield _share("two roles, both exact", "60 %", figures.two_roles_exact, figures.two_roles, at_least=0.60)
    yield _share("false tags on unknown", "1 %", figures.false_on_unknown, figures.unknown_comments, at_most=0.01)
    yield _by_cause(results)
    yield _lost_to_typos(results)
    yield _lost_abroad(results)


def _by_cause(results: Sequence[Judged]) -> Goal:
    causes = Counter(cause for one in results if (cause := cause_of(one)))
    told = ", ".join(f"{count} {cause}" for cause, count in causes.most_common())
    reached = f"{causes.total()} of {len(results):,}" + (f": {told}" if told else "")
    return Goal("comments whose voices are not all right", "", reached, None)


def _share(
    what: str, wanted: str, part: int, whole: int, *, at_least: float = 0.0, at_most: float = 1.0, digits: int = 1
) -> Goal:
    if not whole:
        return Goal(what, wanted, "none here", None)
    return Goal(what, wanted, f"{part} of {whole:,} ({part / whole:.{digits}%})", at_least <= part / whole <= at_most)


def _recall(pairs: Iterable[tuple[frozenset[str], frozenset[str]]]) -> float | None:
    """Return the share of (gold, given) types that were found; None where there were none."""
    counted = [(len(gold & given), len(gold)) for gold, given in pairs]
    whole = sum(roles for _, roles in counted)
    return sum(found for found, _ in counted) / whole if whole else None


def _lost_to_typos(results: Sequence[Judged]) -> Goal:
    plain = _recall((one.gold, one.given) for one in results)
    typed = _recall((one.gold, judge({**one.comment, "text": mistyped(one.comment["text"])}).given) for one in results)
    return _gap("recall lost where one word in ten is mistyped", plain, typed)


def _lost_abroad(results: Sequence[Judged]) -> Goal:
    abroad = [one for one in results if "intl" in str(one.comment.get("notes", ""))]
    at_home = [one for one in results if one not in abroad]
    return _gap(
        f"recall lost in other Englishes ({len(abroad)} comments)",
        _recall((one.gold, one.given) for one in at_home),
        _recall((one.gold, one.given) for one in abroad),
    )


def _gap(what: str, plain: float | None, other: float | None) -> Goal:
    if plain is None or other is None:
        return Goal(what, "10 points at most", "none here", None)
    lost = 100 * (plain - other)
    return Goal(what, "10 points at most", f"{lost:.1f} ({plain:.3f} to {other:.3f})", lost <= 10)


def mistyped(text: str) -> str:
    """Return the text with a slip of the finger in one word of ten; always the same slips for the same text."""
    dice = random.Random(f"{SEED} {text}")  # noqa: S311 - statistics, not secrets
    words = text.split(" ")
    able = [n for n, word in enumerate(words) if word.isalpha() and len(word) >= SHORTEST_MISTYPED]
    for n in dice.sample(able, min(len(able), max(1, len(words) // ONE_WORD_IN))):
        word, place = words[n], dice.randrange(1, len(words[n]) - 1)
        words[n] = dice.choice(
            [
                word[:place] + word[place + 1 :],
                word[:place] + word[place] + word[place:],
                word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            ]
        )
    return " ".join(words)


def _of_the_rest(figures: Figures) -> Iterator[Goal]:
    yield Goal("insight F1", "0.93", f"{figures.insight.f1:.3f}", figures.insight.f1 >= 0.93)
    yield _share("insight, on the hard slice", "90 %", *figures.insight_hard, at_least=0.90)
    urgent = figures.urgent
    reached = f"{urgent.right} of {urgent.right + urgent.missed}, at {urgent.precision:.2f}"
    met = urgent.recall >= 0.95 and urgent.precision >= 0.5 if urgent.right + urgent.missed else None
    yield Goal("urgent recall, at precision 0.5 or more", "95 %", reached, met)


def _of_feedback(feedback: Sequence[str]) -> Iterator[Goal]:
    heard = [heard_in(text) for text in feedback if not is_learned_from(text)]
    others = [tag for one in heard for tag in one.tags if tag.type not in LIVED]
    said = "; ".join(f"{tag.type}: “{tag.evidence.text}”" for tag in others if tag.evidence)
    goal = _share(
        "other tags than patient and carer, survey answers", "0.10 %", len(others), len(heard), at_most=0.001, digits=2
    )
    yield Goal(goal.what, goal.wanted, f"{goal.reached}: {said}" if said else goal.reached, goal.met)
    private = sum(bool(one.personal_data) for one in heard)
    yield _share(
        "survey answers marked as holding personal data", "0.1 %", private, len(heard), at_most=0.001, digits=2
    )
    urgent = sum(one.urgency.is_urgent for one in heard)
    yield Goal("survey answers taken for urgent", "", f"{urgent} of {len(heard):,}", None)


def _written_in_every_way() -> Goal:
    written = list(ways_of_writing(random.Random(SEED)))  # noqa: S311 - statistics, not secrets
    missed = [
        kind for kind, words in written if kind not in _kinds_at(words, heard_in(f"Please use {words} for this."))
    ]
    goal = _share(
        "valid e-mail, phone, NHS number, postcode, NINO found",
        "100 %",
        len(written) - len(missed),
        len(written),
        at_least=1.0,
    )
    return Goal(goal.what, goal.wanted, goal.reached + "".join(f", not {one}" for one in sorted(set(missed))), goal.met)


def _kinds_at(words: str, heard: Heard) -> set[str]:
    start = len("Please use ")
    return {one.kind for one in heard.personal_data if one.start <= start and one.end >= start + len(words)}


def ways_of_writing(dice: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (kind, words): valid made-up numbers and addresses, each in the ways people write it."""

    def digits(count: int) -> str:
        return "".join(dice.choice("0123456789") for _ in range(count))

    for _ in range(WRITTEN_EACH):
        name, house = (
            dice.choice(("sam.green", "a_khan", "j-oconnor+post", "mo99")),
            dice.choice(("example.org", "mail.example.co.uk")),
        )
        yield from (("email", words) for words in (f"{name}@{house}", f"{name}@{house}".upper()))
        local = digits(3)
        yield from (
            ("phone", words)
            for words in (f"07700 900{local}", f"+44 7700 900 {local}", f"(01632) 960{local}", f"0113-496-0{local}")
        )
        number = next(one for one in iter(lambda: "999" + digits(7), "") if is_nhs_number(one))
        yield from (
            ("nhs_number", words)
            for words in (f"{number[:3]} {number[3:6]} {number[6:]}", f"{number[:3]}-{number[3:6]}-{number[6:]}")
        )
        area, inward = (
            dice.choice(("NE87", "M99", "W1A", "EC1V")),
            f"{dice.randrange(10)}{dice.choice('ABDEFGHJ')}{dice.choice('LNPQRSTU')}",
        )
        yield from (
            ("postcode", words) for words in (f"{area} {inward}", f"{area}{inward}", f"{area} {inward}".lower())
        )
        pair, last = dice.choice(("AB", "JK", "WX")), dice.choice("ABCD")
        one, two, three = digits(2), digits(2), digits(2)
        yield from (
            ("national_insurance", words)
            for words in (f"{pair} {one} {two} {three} {last}", f"{pair}{one}{two}{three}{last}")
        )


def _of_speed(texts: Sequence[str]) -> Iterator[Goal]:
    of_eighty = list(_of_eighty_words(texts))
    timed = of_eighty * (1 + FEWEST_TIMED // max(1, len(of_eighty)))
    if not timed:
        yield Goal("tag, insight, urgent, personal data: comments a second", "2,000", "none here", None)
        return
    for text in timed:
        heard_in(text)
    taken = sorted(min(_seconds_of(text) for _ in range(TIMES)) for text in timed)
    per_second, p99 = len(taken) / sum(taken), 1000 * taken[int(0.99 * (len(taken) - 1))]
    yield Goal(
        "tag, insight, urgent, personal data: comments a second", "2,000", f"{per_second:,.0f}", per_second >= 2000
    )
    yield Goal("  p99 of one comment of about 80 words", "3 ms", f"{p99:.1f} ms", p99 <= 3)


def _of_eighty_words(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts of some eighty words; short ones are put together until they are long enough."""
    together: list[str] = []
    for text in texts:
        together.append(text)
        length = sum(len(one.split()) for one in together)
        if length >= FEWEST_WORDS:
            if length <= MOST_WORDS:
                yield "\n".join(together)
            together = []


def _of_hostile_comments() -> Goal:
    taken = {name: min(_seconds_of(text[:HOSTILE_LETTERS]) for _ in range(TIMES)) for name, text in HOSTILE.items()}
    slowest = max(taken, key=lambda name: taken[name])
    middle = statistics.median(taken.values())
    reached = f"{1000 * taken[slowest]:.0f} ms (“{slowest}”; the middle one {1000 * middle:.0f} ms)"
    return Goal("hostile comment of 100 kB", "50 ms", reached, taken[slowest] <= 0.050)


def _seconds_of(text: str) -> float:
    began = time.process_time()
    heard_in(text)
    return time.process_time() - began


_LOAD = """
import sys, time
began = time.process_time()
exec(sys.argv[1])
taken = time.process_time() - began
with open("/proc/self/status") as status:
    memory = next(line.split()[1] for line in status if line.startswith("VmRSS"))
print(taken, memory)
"""


def _of_loading() -> Iterator[Goal]:
    """Measure what a process pays that has Flask already, each in a process of its own."""
    if not Path("/proc/self/status").exists():
        yield Goal("import and memory, over bare Flask", "150 ms, 25 MB", "measured on Linux alone", None)
        return
    bare = _loaded("import flask")
    imported = _loaded("import flask, plugin.listening")
    ready = _loaded("import flask, plugin.listening; plugin.listening.warm_up()")
    taken, lists = 1000 * (imported[0] - bare[0]), 1000 * (ready[0] - imported[0])
    yield Goal(
        "import, over bare Flask", "150 ms", f"{taken:.0f} ms, and {lists:.0f} ms to read its lists", taken <= 150
    )
    memory = (ready[1] - bare[1]) / 1024
    yield Goal("memory over bare Flask", "25 MB", f"{memory:.0f} MB", memory <= 25)


def _loaded(program: str) -> tuple[float, float]:
    """Return the seconds of the processor and the KiB of memory that it takes to run this; the least of some runs."""
    runs = [
        subprocess.run([sys.executable, "-c", _LOAD, program], capture_output=True, text=True, check=True)  # noqa: S603
        for _ in range(TIMES)
    ]
    figures = [[float(one) for one in run.stdout.split()] for run in runs]
    return min(seconds for seconds, _ in figures), min(memory for _, memory in figures)
