"""A summary can be checked: whatever it was made from, one changed byte is found and named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from forum import Forum, minute
from plugin.service import Service
from plugin.store.comments import erase_comments
from plugin.store.communities import Community
from plugin.store.opening import reading, writing
from plugin.store.tables import comments, summary_inputs, summary_lines, summary_receipts
from webhooks.cli import main

ONLY_ON = "sqlite"

DAD = (
    "I care for my dad, who has vascular dementia. When he came home from hospital his blood thinner had been left off "
    "the discharge letter, and nobody noticed for nine days. Now I ask for the list before we leave the ward."
)
NURSE = "I'm a ward nurse. We read every list aloud now, since one was wrong in March, and errors fell by half."
SUMMARY = "/moderators/discussions/1"


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


@pytest.fixture
def moderator(forum: Forum, worker: Callable[[], None], sign_in) -> FlaskClient:
    """Return a moderator's browser; they look after a discussion of three comments."""
    for number, text in enumerate((DAD, NURSE, "Thank you for this."), start=1):
        forum.posted(text, str(number))
        # One after the other, so that the first has the first number.
        worker()
    return sign_in("moderator")


@pytest.fixture
def kept(moderator: FlaskClient) -> FlaskClient:
    """Keep a receipt of the summary, as the button on its page does."""
    page = moderator.get(SUMMARY).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = moderator.post(f"{SUMMARY}/receipts", data={"csrf_token": token})
    assert answer.status_code == 303
    assert "verify-summary 1" in moderator.get(SUMMARY).text
    return moderator


def verify(environ: dict[str, str], *given: str) -> Result:
    return CliRunner().invoke(main, ["verify-summary", *given], env=environ)


def change(service: Service, statement: sa.Executable) -> None:
    with writing(service.db) as conn:
        conn.execute(statement)


def test_a_receipt_holds_no_words_and_verifies(kept: FlaskClient, service: Service, environ: dict[str, str]) -> None:
    result = verify(environ, "1")
    assert result.exit_code == 0, result.output
    assert "3 comments" in result.output
    with reading(service.db) as conn:
        rows = [
            row for table in (summary_receipts, summary_inputs, summary_lines) for row in conn.execute(table.select())
        ]
    assert len(rows) > 4
    assert "list" not in repr(rows)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_letter_of_a_cited_sentence_is_found_and_named(kept, service, environ) -> None:
    change(service, sa.update(comments).where(comments.c.id == 1).values(text=DAD.replace("nine days", "nine dayz")))
    result = verify(environ, "1")
    assert result.exit_code == 1
    assert "Comment 1’s words changed." in result.output
    assert "does not match its comment (1)." in result.output
    assert "Comment 2" not in result.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_letter_of_a_comment_that_is_not_cited_is_found_too(kept, service, environ) -> None:
    change(service, sa.update(comments).where(comments.c.id == 3).values(text="Thank you for thiz."))
    result = verify(environ, "1")
    assert (result.exit_code, result.output) == (1, "Comment 3’s words changed.\n")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (sa.update(summary_receipts).values(lexicon="0" * 64), "The theme lexicon changed."),
        (sa.update(summary_receipts).values(parameters={}), "The parameter lines_each changed."),
        (sa.update(summary_lines).where(summary_lines.c.number == 1).values(start=1), "Line 1 does not match"),
        (sa.delete(summary_lines).where(summary_lines.c.number == 1), "The lines differ"),
        (sa.update(comments).where(comments.c.id == 2).values(state="hidden"), "Comment 2 is not to be seen any more."),
    ],
)
def test_whatever_else_changes_is_named(kept, service, environ, statement: sa.Executable, named: str) -> None:
    change(service, statement)
    result = verify(environ, "1")
    assert result.exit_code == 1
    assert named in result.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_tag_that_its_author_takes_back_is_named(kept, service, environ) -> None:
    change(service, sa.text("UPDATE tag_decisions SET decision = 'removed' WHERE comment_id = 2"))
    assert "Comment 2’s tags changed." in verify(environ, "1").output


def test_a_removed_comment_takes_its_digests_with_it(
    kept, service, environ, forum: Forum, worker: Callable[[], None]
) -> None:
    forum.removed("1", at=minute(5))
    worker()
    with reading(service.db) as conn:
        (left,) = conn.execute(sa.select(summary_inputs).where(summary_inputs.c.comment_id == 1)).all()
        lines = conn.scalars(sa.select(summary_lines.c.digest).where(summary_lines.c.comment_id == 1)).all()
    assert (left.words, left.tags, left.about) == (None, None, None)
    assert set(lines) == {None}
    result = verify(environ, "1")
    assert "Comment 1 was removed." in result.output
    assert "left off" not in kept.get(SUMMARY).text


def test_an_erased_comment_leaves_only_a_figure(kept, service, environ) -> None:
    with writing(service.db) as conn:
        author_id = conn.scalar(sa.select(comments.c.author_id).where(comments.c.id == 1))
        erase_comments(conn, author_id, conn.scalar(sa.select(comments.c.received_at).where(comments.c.id == 1)))
    result = verify(environ, "1")
    assert result.exit_code == 1
    assert "1 of the 3 comments that went in were erased." in result.output
    assert "Comment 1" not in result.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_saved_summary_is_checked_with_its_words(
    moderator: FlaskClient, environ: dict[str, str], tmp_path: Path
) -> None:
    saved = tmp_path / "saved.json"
    content = moderator.get(f"{SUMMARY}.json").json
    saved.write_text(json.dumps(content))
    assert verify(environ, "--file", str(saved)).exit_code == 0
    content["lines"][0]["words"] = content["lines"][0]["words"].replace("e", "o", 1)
    saved.write_text(json.dumps(content))
    result = verify(environ, "--file", str(saved))
    assert result.exit_code == 1
    assert "The saved words of line 1 do not match its comment" in result.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_cannot_be_checked_is_said_in_a_sentence(environ, community, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]")
    assert "There is no receipt 7." in verify(environ, "7").output
    assert "is not a summary" in verify(environ, "--file", str(other)).output
    assert verify(environ).exit_code == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_summary_as_json_has_what_its_page_has(moderator: FlaskClient, sign_in) -> None:
    told = moderator.get(f"{SUMMARY}.json").json
    assert (told["people"], told["comments"]) == (3, 3)
    assert told["not_heard"] == ["patient", "social_care_professional"]
    assert told["evenness"] is None
    assert told["themes"] is None
    texts = {1: DAD, 2: NURSE}
    assert {line["comment"] for line in told["lines"]} == {1, 2}
    assert all(texts[line["comment"]][line["start"] : line["end"]] == line["words"] for line in told["lines"])
    assert "Member 1" not in json.dumps(told)
    assert sign_in("editor").get(f"{SUMMARY}.json").status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_edited_or_hidden_comment_takes_its_line_away_at_once(
    moderator: FlaskClient, forum: Forum, worker: Callable[[], None]
) -> None:
    assert "nobody noticed for nine days" in moderator.get(SUMMARY).text
    forum.edited("I care for my dad. It is all right now.", "1", at=minute(5))
    worker()
    page = moderator.get(SUMMARY).text
    assert "nobody noticed for nine days" not in page
    assert "read every list aloud" in page
    forum.hidden("2", at=minute(6))
    worker()
    assert "read every list aloud" not in moderator.get(SUMMARY).text
