"""What people correct is an example to learn from, and gives nobody away."""

import json
import random
import re
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from test_correcting import DAD, NURSE, chosen_by_author

from forum import Forum
from plugin import teaching
from plugin.learning_voices import COMMONEST, FEWEST_AUTHORS, voice_weights, words_of_many
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import reading
from plugin.store.tags import corrected_comments
from webhooks.cli import main
from webhooks.commands.bench_themes import seconds_for_themes


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def examples(service: Service) -> list[tuple[str, list[str]]]:
    with reading(service.db) as conn:
        return [(one["text"], one["labels"]) for one in corrected_comments(conn)]


def test_what_a_person_decided_is_an_example_until_its_comment_goes(forum: Forum, worker, service: Service) -> None:
    for number, text in (("1", DAD), ("2", NURSE)):
        forum.posted(text, number)
        worker()
    assert examples(service) == [], "what only the program found is no example"
    chosen_by_author(service, "patient", comment_id=1)
    chosen_by_author(service, "health_professional", "removed", comment_id=2)
    assert examples(service) == [(DAD, ["patient", "carer"]), (NURSE, ["unknown"])]
    forum.removed("1", at=datetime.now(UTC).isoformat())
    worker()
    assert examples(service) == [(NURSE, ["unknown"])]


def test_words_of_fewer_than_five_authors_are_not_learned() -> None:
    many = [(author, ["my", "dad"]) for author in range(FEWEST_AUTHORS)]
    one_who_says_it_often = [(99, ["llanfair", "my"])] * 10
    learned = words_of_many([*many, *one_who_says_it_often])
    assert learned == [["my", "dad"]] * FEWEST_AUTHORS + [["my"]] * 10


def test_themes_are_counted_without_opening_comments() -> None:
    """A bound for a small community on a busy machine; `manyvoices bench --themes` gives the figures."""
    assert seconds_for_themes(2_000) < 1


def test_words_that_are_used_alike_become_a_family(tmp_path):
    pytest.importorskip("sklearn")
    alike = {
        "nurse": 0, "ward": 0, "matron": 0, "bleep": 0,
        "budget": 1, "tender": 1, "invoice": 1, "unseen": 1,
        "tiger": 2, "zebra": 2, "lion": 2,
    }  # fmt: skip
    common = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}x 1 1 1" for n in range(COMMONEST)]
    rows = [f"{word} {' '.join('9' if n == kind else '1' for n in range(3))}" for word, kind in alike.items()]
    vectors, texts, into = tmp_path / "vectors.txt", tmp_path / "texts.jsonl", tmp_path / "families.txt"
    vectors.write_text("\n".join([*common, *rows]))
    texts.write_text(
        json.dumps({"id": "1", "labels": ["unknown"], "text": "Nurse ward matron; budget tender invoice tiger"})
    )
    done = CliRunner().invoke(main, ["families", str(vectors), str(texts), "--into", str(into), "--count", "3"])
    assert done.exit_code == 0, done.output
    # Of the animals the texts say too little; "unseen" comes in by its kin.
    assert into.read_text() == "budget tender invoice unseen\nnurse ward matron bleep\n"
    vectors.write_text("not a vector\n" * 200)
    done = CliRunner().invoke(main, ["families", str(vectors), str(texts), "--into", str(into), "--count", "3"])
    assert done.exit_code == 1
    assert "vectors.txt is not a list of words and numbers" in done.output
    assert into.read_text().startswith("budget")


ALIKE = {"bleep": "9 1", "pager": "8 1", "beeper": "9 2", "tender": "1 9", "invoice": "1 8"}


def lists_of_words(path):
    common = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}xx 1 1" for n in range(teaching.COMMONEST)]
    path.write_text("\n".join([*common, *(f"{word} {numbers}" for word, numbers in ALIKE.items())]))
    return path


def test_a_comment_is_varied_in_words_that_are_used_alike_and_keeps_who_speaks(tmp_path) -> None:
    pytest.importorskip("numpy")
    with lists_of_words(tmp_path / "vectors.txt").open() as lines:
        near = teaching.neighbours_of(lines, {"bleep", "tender", "with"})
    assert near == {"bleep": ["pager", "beeper"], "tender": ["invoice"]}
    text = "My Bleep went with me. Nobody read the tender, I think."
    found = teaching.variations([text], near, 6, random.Random(1))
    assert found == teaching.variations([text], near, 6, random.Random(1))
    assert text not in found
    assert {"My Bleep went with me.", "Nobody read the tender, I think."} <= set(found)
    words = {word for one in found for word in re.findall(r"\w+", one)}
    assert words == {*re.findall(r"\w+", text), "Pager", "Beeper", "invoice"} & words
    assert words & {"Pager", "Beeper", "invoice"}


def test_of_what_was_heard_the_faint_goes_and_the_rest_makes_one() -> None:
    assert teaching.shares_of({"patient": 0.6, "carer": 0.2, "industry": 0.01}) == {"patient": 0.75, "carer": 0.25}
    assert teaching.shares_of({"patient": 0.01, "unknown": 0.03}) == {"unknown": 1.0}


def test_a_word_that_only_lessons_say_is_learned_from_them() -> None:
    pytest.importorskip("sklearn")
    told = [{"id": f"{n % 2}-{n}", "text": f"I was on the ward {n}", "labels": ["patient"]} for n in range(8)]
    told += [{"id": f"{n % 2}-c{n}", "text": f"my mum is number {n}", "labels": ["carer"]} for n in range(8)]
    told += [{"id": f"{n % 2}-t{n}", "text": f"Thank you for part {n}", "labels": ["unknown"]} for n in range(8)]
    lessons = [{"text": f"Lantern {n}", "voices": {"patient": 0.9, "unknown": 0.1}} for n in range(9)]
    lessons += [{"text": f"Petal {n}", "voices": {"carer": 1.0}} for n in range(9)]
    plain, taught = (voice_weights((), told, taught=some) for some in ((), lessons))
    assert "lantern" not in dict(plain["words"])
    weight = dict(zip(*[iter(dict(taught["words"])["lantern"])] * 2, strict=True))
    assert weight[taught["classes"].index("patient")] > 0


def test_lessons_that_are_none_are_refused_by_line(tmp_path) -> None:
    file, rows = tmp_path / "lessons.jsonl", tmp_path / "rows.jsonl"
    file.write_text('{"text": "A", "voices": {"patient": 1}}\n{"text": "B", "voices": {"king": 1}}\n')
    rows.write_text("".join(f'{{"id": "t{n}", "text": "Part {n}", "labels": ["unknown"]}}\n' for n in range(40)))
    done = CliRunner().invoke(main, ["retrain", str(rows), "--check", str(rows), "--taught", str(file)])
    assert done.exit_code == 1
    assert "lessons.jsonl, line 2: not what `manyvoices teach` writes." in done.output


def test_who_would_teach_without_what_it_needs_is_told_so(tmp_path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "1", "text": "My bleep went.", "labels": ["health_professional"]}\n')
    vectors = lists_of_words(tmp_path / "vectors.txt")
    words = ["teach", str(tmp_path), str(vectors), str(rows), "--into", str(tmp_path / "lessons.jsonl")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert not (tmp_path / "lessons.jsonl").exists()
