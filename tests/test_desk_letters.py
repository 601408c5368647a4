"""Each editor hears of insights as they choose: not at all, each, or a digest at an hour of their own."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from forum import Forum, minute
from mail_server import Inbox, words_of
from plugin import desk
from plugin.desk import Actor
from plugin.handing_out import period_begun, send_desk_digests, wake_sleepers
from plugin.outcomes import Step
from plugin.service import Service
from plugin.store.audit import entries, first_broken
from plugin.store.communities import Community
from plugin.store.desk_letters import set_wish
from plugin.store.opening import reading, writing
from plugin.store.staff import account_id, add_staff
from plugin.store.tables import insights, outbox

ONLY_ON = "sqlite"

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
NURSE = "I am a community nurse. We changed our handover last spring: whoever visits next rings the family first."
TITLE = "Patient safety and co-production"
LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def forum(inbox: Inbox, client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def press(browser: FlaskClient, page: str, **form: str) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/desk/mails").text)
    assert token is not None
    assert browser.post(page, data={"csrf_token": token[1], **form}).status_code == 303


def test_a_digest_comes_once_a_day_with_what_is_new_and_its_copies_are_called_back(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], service: Service, sign_in
) -> None:
    editor = sign_in("editor")
    press(editor, "/desk/mails", frequency="daily", hour="7")
    assert 'value="daily" checked' in editor.get("/desk/mails").text
    with reading(service.db) as conn:
        assert len(entries(conn, None, act="desk_letter_chosen")) == 1
        assert first_broken(conn, service.vault) is None
    forum.posted(DAD, "1")
    forum.posted(NURSE, "2")
    worker()
    now = datetime.now(UTC)
    due = now.astimezone(LONDON).replace(hour=7, minute=0, second=0, microsecond=0) + timedelta(days=1)
    inbox.mails.clear()
    inbox.recipients.clear()
    # The hour was missed, because nothing was running; then the clock comes round three times.
    for hours in (3, 4, 5):
        send_desk_digests(service, (due + timedelta(hours=hours)).astimezone(UTC))
        worker()
    (digest,) = inbox.mails
    assert (inbox.recipients, digest["Subject"]) == (["editor@hub.example.org"], "New insights: 2")
    for words in (words_of(digest), words_of(digest, "html")):
        for said in (TITLE, "a chart by the bed", "rings the family first", "/desk/insights/1", "New 2"):
            assert said in words
        assert "Member 1" not in words
    send_desk_digests(service, (due + timedelta(days=1)).astimezone(UTC))
    worker()
    assert len(inbox.mails) == 1
    # A father takes his words back: whoever has them in a digest is asked to delete it, in the same thread.
    forum.removed("1", at=minute(5))
    worker()
    recalls = dict(zip(inbox.recipients[1:], inbox.mails[1:], strict=True))
    assert recalls.keys() == {"editor@hub.example.org", "editors@hub.example.org"}
    assert recalls["editor@hub.example.org"]["In-Reply-To"] == digest["Message-ID"]


def test_words_that_were_taken_back_before_the_digest_are_not_in_it(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], service: Service, sign_in
) -> None:
    press(sign_in("editor"), "/desk/mails", frequency="weekly", hour="8")
    forum.posted(DAD, "1")
    worker()
    forum.removed("1", at=minute(5))
    worker()
    inbox.mails.clear()
    send_desk_digests(service, datetime.now(UTC) + timedelta(days=7))
    worker()
    assert inbox.mails == []
    with reading(service.db) as conn:
        [digest] = conn.execute(sa.select(outbox).where(outbox.c.kind == "desk_digest"))
    assert (digest.status, digest.reason) == ("withheld", "there is nothing new to tell")


def test_an_hour_that_the_clock_leaps_over_or_has_twice_makes_one_digest() -> None:
    def begun(*moment: int, frequency: str = "daily", hour: int = 1) -> str:
        return f"{period_begun(frequency, hour, datetime(*moment, tzinfo=UTC).astimezone(LONDON)):%d %B %H:%M}"

    # 29 March 2026: from 00:59 the clock goes to 02:00. 25 October: 01:00 to 02:00 comes twice.
    assert [begun(2026, 3, 29, 0), begun(2026, 3, 29, 1)] == ["28 March 01:00", "29 March 01:00"]
    assert {begun(2026, 10, 25, hour, minutes) for hour in (0, 1, 2) for minutes in (0, 59)} == {"25 October 01:00"}
    assert begun(2026, 10, 24, 23) == "24 October 01:00"
    # Weeks begin on Mondays: 23 November 2026 is one.
    assert begun(2026, 11, 23, 7, frequency="weekly", hour=8) == "16 November 08:00"
    assert begun(2026, 11, 29, 23, frequency="weekly", hour=8) == "23 November 08:00"
    assert begun(2026, 7, 1, 7, hour=8) == "01 July 08:00"


def test_who_wants_each_gets_each_until_they_leave_and_hears_of_what_is_theirs_in_one_thread(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], service: Service, community: Community
) -> None:
    now = datetime.now(UTC)
    with writing(service.db) as conn:
        ann = add_staff(conn, "ann@hub.example.org", "editor", community.id)
        set_wish(conn, ann, "each", 8, now)
    forum.posted(DAD, "1")
    worker()
    assert sorted(inbox.recipients) == ["ann@hub.example.org", "editors@hub.example.org"]
    first = inbox.mails[inbox.recipients.index("ann@hub.example.org")]
    with writing(service.db) as conn:
        desk.assign(service, conn, 1, ann, Actor("staff:99", now))
        desk.assign(service, conn, 1, ann, Actor("staff:98", now))
        desk.take(
            service, conn, 1, Step("not_used", now, reason="We knew this one from before."), Actor("staff:1", now)
        )
    forum.posted("How did you do that?", "2", comment={"parent_id": "1"})
    worker()
    later = [mail for to, mail in zip(inbox.recipients, inbox.mails, strict=True) if to.startswith("ann")][1:]
    # Both are on their way at the same time.
    assert sorted(mail["Subject"] for mail in later) == [f"Open again: {TITLE}", f"Yours to look at: {TITLE}"]
    for mail in later:
        assert mail["In-Reply-To"] == mail["References"] == first["Message-ID"]
        assert "chart by the bed" not in words_of(mail)
        assert f"{service.public_url}/desk/insights/1" in words_of(mail)
    # Who assigns to themselves need not be told.
    with writing(service.db) as conn:
        desk.assign(service, conn, 1, None, Actor(f"staff:{ann}", now))
        desk.assign(service, conn, 1, ann, Actor(f"staff:{ann}", now))
    worker()
    assert len(inbox.mails) == 4
    # What sleeps is woken by somebody who asks: by a mail of its own, or in the digest of who chose one.
    with writing(service.db) as conn:
        desk.snooze(service, conn, 1, None, Actor(f"staff:{ann}", now))
    forum.posted("How did you do that there?", "3", at=minute(3), comment={"parent_id": "1"})
    worker()
    assert (len(inbox.mails), inbox.mails[-1]["Subject"]) == (5, f"Somebody has answered: {TITLE}")
    assert "no longer asleep" in words_of(inbox.mails[-1])
    assert "do that there" not in words_of(inbox.mails[-1])
    with writing(service.db) as conn:
        set_wish(conn, ann, "daily", 8, datetime.now(UTC))
        desk.snooze(service, conn, 1, None, Actor(f"staff:{ann}", now))
    forum.posted("How did you do that again?", "4", at=minute(4), comment={"parent_id": "1"})
    worker()
    assert len(inbox.mails) == 5
    for days in (1, 2):
        send_desk_digests(service, now + timedelta(days=days, hours=1))
        worker()
    assert (len(inbox.mails), inbox.mails[-1]["Subject"]) == (6, "New insights: none, and 1 that woke")
    for kind in ("plain", "html"):
        assert "no longer asleep" in words_of(inbox.mails[-1], kind)
        assert "/desk/insights/1" in words_of(inbox.mails[-1], kind)
        assert "chart by the bed" not in words_of(inbox.mails[-1], kind)
    with writing(service.db) as conn:
        desk.snooze(service, conn, 1, now + timedelta(days=1), Actor("staff:1", now))
    wake_sleepers(service, now + timedelta(days=1))
    with reading(service.db) as conn:
        assert not conn.scalar(sa.select(insights.c.is_snoozed))


def test_a_link_in_a_mail_leads_to_the_desk_after_signing_in_and_changes_nothing_by_itself(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], service: Service, client: FlaskClient, sign_in
) -> None:
    forum.posted(DAD, "1")
    worker()
    link = re.search(rf"{re.escape(service.public_url)}(/desk/\S+)", words_of(inbox.mails[0]))
    assert link is not None
    with reading(service.db) as conn:
        before = [list(row) for row in conn.execute(sa.select(insights))]
    answer = client.get(link[1])
    assert (answer.status_code, answer.location) == (302, f"/staff/sign-in?next={link[1]}")
    assert client.head(link[1]).status_code == 302
    assert sign_in("editor").get(link[1]).status_code == 200
    with reading(service.db) as conn:
        assert [list(row) for row in conn.execute(sa.select(insights))] == before


def test_what_could_not_be_sent_is_seen_on_the_desk_and_tried_again_by_a_press(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], service: Service, community: Community, sign_in
) -> None:
    inbox.rcpt = "550 no such user"
    forum.posted(DAD, "1")
    worker()
    editor = sign_in("editor")
    page = editor.get("/desk/mails").text
    assert "The mail server answered 550" in page
    assert "editors@hub.example.org" in page
    assert "chart by the bed" not in page
    inbox.rcpt = "250 OK"
    press(editor, "/desk/mails/1/again")
    press(editor, "/desk/mails/1/again")
    worker()
    assert (len(inbox.mails), inbox.recipients) == (1, ["editors@hub.example.org"])
    assert "Nothing: every mail" in editor.get("/desk/mails").text
    with reading(service.db) as conn:
        assert [(entry.act, entry.by) for entry in entries(conn, [community.id])] == [
            ("mail_tried", f"staff:{account_id(conn, 'editor@hub.example.org')}")
        ]
