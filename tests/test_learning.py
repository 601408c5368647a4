"""What people correct is an example to learn from, and gives nobody away."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from test_correcting import DAD, NURSE, chosen_by_author

from forum import Forum
from plugin.learning_voices import COMMONEST, FEWEST_AUTHORS, words_of_many
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
