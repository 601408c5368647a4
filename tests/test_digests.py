"""Figures reach moderators where they are: a note on their forum, and a letter a week to those who want one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from forum import Forum
from mail_server import Inbox, words_of
from plugin.digests import note_discussions, send_digests
from plugin.service import Service
from plugin.store.audit import entries, first_broken
from plugin.store.communities import Community, change_community
from plugin.store.opening import reading, writing
from plugin.store.tables import outbox, write_backs
from plugin.summaries import Voice, note_words, summary_of

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

DAD = (
    "I care for my dad, who has vascular dementia. When he came home from hospital his blood thinner had been left off "
    "the discharge letter, and nobody noticed for nine days. Now I ask for the list before we leave the ward."
)
MONDAY = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)


@pytest.fixture
def forum(inbox: Inbox, client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def press(browser: FlaskClient, wanted: str) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/moderators/").text)
    assert token is not None
    assert browser.post("/moderators/digest", data={"csrf_token": token[1], "wanted": wanted}).status_code == 303


def test_a_moderator_asks_for_the_letter_and_reads_figures_on_monday(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], service: Service, sign_in, monkeypatch: pytest.MonkeyPatch
) -> None:
    forum.posted(DAD)
    worker()
    moderator = sign_in("moderator")
    press(moderator, "yes")
    with writing(service.db) as conn:
        conn.execute(sa.update(outbox).values(status="sent"))
    for moment in (MONDAY - timedelta(hours=1), MONDAY, MONDAY + timedelta(hours=1)):
        send_digests(service, moment)
    worker()
    (letter,) = [mail for mail in inbox.mails if mail["Subject"] == "Your discussions this week"]
    assert inbox.recipients[-1] == "moderator@hub.example.org"
    for words in (words_of(letter), words_of(letter, "html")):
        assert "Patient safety and co-production" in words
        assert "Carer 1" in words
        assert "/moderators/discussions/1" in words
        assert "blood thinner" not in words
        assert "Member 1" not in words
    press(moderator, "no")
    with reading(service.db) as conn:
        assert len(entries(conn, None, act="weekly_letter_chosen")) == 2
        assert first_broken(conn, service.vault) is None
    # And a program of theirs may read the figures: the way to its token is on their page.
    assert moderator.get("/moderators/").text.count('href="/desk/tokens/"') == 1
    assert moderator.get("/desk/tokens/").status_code == 200
    send_digests(service, MONDAY + timedelta(days=7))
    worker()
    assert len([mail for mail in inbox.mails if mail["Subject"] == "Your discussions this week"]) == 1


def test_with_nothing_new_no_letter_comes(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], service: Service, sign_in
) -> None:
    long_ago = {"created_at": "2026-01-05T12:00:00Z", "updated_at": "2026-01-05T12:00:00Z"}
    forum.posted(DAD, comment=long_ago)
    worker()
    press(sign_in("moderator"), "yes")
    send_digests(service, MONDAY)
    worker()
    assert [mail["Subject"] for mail in inbox.mails] == ["New insight: Patient safety and co-production"]


def test_a_forum_gets_one_note_for_each_discussion_and_only_where_it_is_wanted(
    forum: Forum, worker: Callable[[], None], service: Service, community: Community
) -> None:
    forum.posted(DAD)
    worker()

    def notes() -> list[tuple[str, int]]:
        with reading(service.db) as conn:
            rows = conn.execute(sa.select(write_backs).where(write_backs.c.kind == "staff_note"))
            return [(row.key, row.round) for row in rows]

    with writing(service.db) as conn:
        change_community(conn, community.id, write_back_url="https://hub.example.org/write-backs")
    note_discussions(service, datetime.now(UTC))
    assert notes() == []
    with writing(service.db) as conn:
        change_community(conn, community.id, staff_notes=True)
    note_discussions(service, datetime.now(UTC))
    assert notes() == [("discussion:1", 1)]


def test_a_note_holds_figures_and_nothing_else() -> None:
    who = summary_of([Voice(1, ("carer",)), Voice(2, ("patient",)), Voice(2, ()), Voice(3, ())], ["carer", "patient"])
    assert note_words(who) == "People: 3. Comments: 4. By role: Carer 1, Patient 1."
    missing = summary_of([Voice(1, ("carer",))], ["carer", "patient", "health_professional"])
    assert note_words(missing).endswith("Nobody here has said they are a health professional or a patient.")
