"""A contributor and what is theirs: they agree, take it back, put a tag right, hear what became of it, and go."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine
from flask.testing import FlaskClient

from forum import CREATED, Forum, minute
from mail_server import Inbox, words_of
from plugin.chores import forget, is_due, sweep, tell_contributors
from plugin.consent import Choice, Credit
from plugin.service import Service
from plugin.store.authors import author_id_of
from plugin.store.communities import Community, change_community
from plugin.store.kept import leave_mark
from plugin.store.links import LASTS, new_link
from plugin.store.opening import reading, writing
from plugin.store.prompts import prompt_figures
from plugin.store.tables import metadata

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

DAD = (
    "I care for my dad, who has vascular dementia. When he came home from hospital his blood thinner had been left off "
    "the discharge letter, and nobody noticed for nine days. Now I ask for the list before we leave the ward."
)
WARD = (
    "I work as a nurse on a stroke ward. We lost two handovers last month because the printer was down, and a patient "
    "missed her insulin. Since then one of us reads the list out loud at the bed."
)


@pytest.fixture
def forum(inbox: Inbox, client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


class Page:
    """A contributor's own page, used as they would: they read it, and press its buttons."""

    def __init__(self, client: FlaskClient, service: Service, community: Community, native_id: str) -> None:
        self.client, self.service = client, service
        with writing(service.db) as conn:
            author_id = author_id_of(conn, community.id, native_id)
            assert author_id is not None
            token = new_link(conn, author_id, datetime.now(UTC))
        self.path = f"/members/{community.slug}/mine/{token}"

    @property
    def text(self) -> str:
        answer = self.client.get(self.path)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.text

    def press(self, where: str, **fields: str) -> str:
        answer = self.client.post(f"{self.path}/{where}", data=fields)
        assert answer.status_code == 303, answer.text
        return self.text


@pytest.fixture
def own_page(service: Service, client: FlaskClient, community: Community) -> Callable[[str], Page]:
    return lambda native_id: Page(client, service, community, native_id)


def dump(service: Service) -> str:
    """Return every cell of every table, the engine's included."""
    with reading(service.db) as conn:
        tables = sa.MetaData()
        for schema in {None, *(["dbos"] if conn.dialect.name == "postgresql" else [])}:
            tables.reflect(conn, schema=schema)
        return "\n".join(str(list(conn.execute(sa.select(table)))) for table in tables.sorted_tables)


def test_a_daughter_objects_and_the_editors_are_asked_to_delete_their_copy(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], own_page: Callable[[str], Page], sign_in
) -> None:
    forum.posted(DAD)
    worker()
    assert len(inbox.mails) == 1
    page = own_page("a1")
    assert "The editors have received it." in page.text
    assert "may read your comment, without your name, unless you say no" in page.text

    after = page.press("comments/1/answers", forward="no")
    worker()
    recall = inbox.mails[1]
    assert inbox.recipients[1] == "editors@hub.example.org"
    assert recall["In-Reply-To"] == inbox.mails[0]["Message-ID"]
    assert "left off" not in recall.as_string()
    assert "Member 1" not in recall.as_string()
    assert "The editors have not said yet that their copy is gone." in after

    editor = sign_in("editor")
    desk = editor.get("/desk/insights/1").text
    assert "left off" not in desk
    assert "its author does not want it forwarded" in desk
    assert "left off" not in editor.get("/desk/").text
    gone = re.search(r"http://localhost:8080(/desk/recalls/\d+)", words_of(recall))
    assert gone is not None
    button = editor.get(gone[1]).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', button)
    assert token is not None
    editor.post(gone[1], data={"csrf_token": token[1]})
    assert "The editors said that their copy is gone." in page.text

    page.press("comments/1/answers", forward="yes")
    worker()
    again = inbox.mails[2]
    assert again["Message-ID"] not in {mail["Message-ID"] for mail in inbox.mails[:2]}
    assert "its author agreed" in words_of(again)


def test_with_ask_nothing_goes_before_the_author_says_so(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    service: Service,
    community: Community,
) -> None:
    with writing(service.db) as conn:
        change_community(conn, community.id, forwarding="ask")
    forum.posted(DAD)
    worker()
    assert inbox.mails == []
    page = own_page("a1")
    assert "It has not gone to the editors." in page.text
    page.press("comments/1/answers", forward="yes")
    worker()
    assert "its author agreed" in words_of(inbox.mails[0])
    assert "May be quoted:     not asked yet" in words_of(inbox.mails[0])


def test_a_wrong_tag_is_put_right_by_one_press_and_never_comes_back(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    sign_in,
) -> None:
    forum.posted(DAD)
    worker()
    page = own_page("a1")
    assert "Your words: “I care for my dad" in page.text
    after = page.press("comments/1/roles", remove="carer")
    assert "You have not said, and you need not." in after
    moderator = sign_in("moderator")
    assert "Has not said in what role they speak" in moderator.get("/moderators/discussions/1").text
    forum.edited(DAD + " It still happens.", at=minute(5))
    worker()
    assert "You have not said, and you need not." in page.text

    after = page.press("comments/1/roles", add="lived_experience_partner")
    assert "chosen by the author" in after
    assert "chosen by the author" in moderator.get("/moderators/discussions/1").text
    after = page.press("comments/1/roles", change="lived_experience_partner", to="patient")
    assert "Patient" in after
    assert "<strong>Lived experience partner" not in after


@pytest.mark.parametrize(
    ("choice", "told", "untold"),
    [
        ({"credit": "name"}, "Member 1 (the name that its author chose)", "Ruth"),
        ({"credit": "chosen", "name": "Ruth"}, "Ruth (the name that its author chose)", "Member 1"),
        ({"credit": "role"}, "Carer (no name)", "Member 1"),
        ({"credit": "none"}, "None: its author asks for no credit", "Carer"),
    ],
)
def test_the_credit_is_what_was_chosen_and_nothing_wider(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    service: Service,
    community: Community,
    sign_in,
    choice: dict[str, str],
    told: str,
    untold: str,
) -> None:
    with writing(service.db) as conn:
        change_community(conn, community.id, forwarding="ask")
    forum.posted(DAD)
    worker()
    page = own_page("a1")
    page.press("comments/1/credit", **choice)
    page.press("comments/1/answers", forward="yes")
    worker()
    (mail,) = inbox.mails
    for words in (words_of(mail), words_of(mail, "html"), sign_in("editor").get("/desk/insights/1").text):
        assert told in words
        assert untold not in words
    assert "Ruth" not in dump(service)


def test_a_contributor_hears_what_became_of_it_once_their_address_is_theirs(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    service: Service,
    client: FlaskClient,
    sign_in,
) -> None:
    forum.posted(DAD)
    worker()
    page = own_page("a1")
    waiting = page.press("address", address="ruth@example.org", frequency="each")
    assert "We sent a mail to ruth@example.org" in waiting
    worker()
    assert inbox.recipients[1] == "ruth@example.org"
    assert "ruth@example.org" not in dump(service)

    editor = sign_in("editor")

    def step(**fields: str):
        opened = editor.get("/desk/insights/1").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', opened)
        seen = re.search(r'name="seen" value="([^"]+)"', opened)
        assert token is not None
        assert seen is not None
        data = {"csrf_token": token[1], "seen": seen[1], **fields}
        return editor.post("/desk/insights/1/steps", data=data)

    assert step(state="in_review").status_code == 303
    used = {"state": "used", "title": "Leaving hospital", "link": "https://hub.example.org/leaving"}
    assert step(**used).status_code == 303
    worker()
    assert len(inbox.mails) == 2, "nothing goes to an address that nobody confirmed"
    told = page.text
    assert "An editor has read it." in told
    assert "Leaving hospital" in told

    link = re.search(r"http://localhost:8080(/members/hub/address/\S+)", words_of(inbox.mails[1]))
    assert link is not None
    assert "Confirm your address" in client.get(link[1]).text
    assert "Your address is confirmed" in client.post(link[1]).text

    vague = step(state="change_made", reason="Better now")
    assert vague.status_code == 422
    assert "at least 20 characters" in vague.text
    assert step(state="change_made", reason="The ward reads the list of medicines out loud.").status_code == 303
    worker()
    news = inbox.mails[2]
    assert inbox.recipients[2] == "ruth@example.org"
    assert news["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "The ward reads the list of medicines out loud." in words_of(news)
    assert "Patient safety and co-production" in words_of(news)
    assert "left off" not in news.as_string()

    stop = news["List-Unsubscribe"].strip(" <>").removeprefix("http://localhost:8080")
    assert "End these mails" in client.get(stop).text
    assert client.post(stop, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert step(state="passed_to", body="The medicines board").status_code == 303
    worker()
    assert len(inbox.mails) == 3


def test_letters_a_week_come_together_on_monday_at_eight(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    service: Service,
    client: FlaskClient,
    sign_in,
) -> None:
    forum.posted(DAD)
    worker()
    own_page("a1").press("address", address="ruth@example.org", frequency="weekly")
    worker()
    link = re.search(r"http://localhost:8080(/members/hub/address/\S+)", words_of(inbox.mails[1]))
    assert link is not None
    client.post(link[1])
    editor = sign_in("editor")
    opened = editor.get("/desk/insights/1").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', opened)
    assert token is not None
    steps = ({"state": "passed_to", "body": "The board"}, {"state": "change_planned", "reason": "x" * 20})
    for version, fields in enumerate(steps, start=1):
        editor.post("/desk/insights/1/steps", data={"csrf_token": token[1], "seen": str(version), **fields})
    worker()
    assert len(inbox.mails) == 2
    monday = datetime(2026, 11, 23, 8, tzinfo=UTC)
    tell_contributors(service, monday)
    tell_contributors(service, monday + timedelta(minutes=1))
    worker()
    (news,) = inbox.mails[2:]
    assert "The board" in words_of(news)
    assert "A change is planned." in words_of(news)
    tell_contributors(service, monday + timedelta(days=7))
    worker()
    assert len(inbox.mails) == 3, "nothing new, no letter"


@pytest.mark.parametrize(
    ("frequency", "local", "told", "due"),
    [
        ("daily", "2026-11-24T07:59", None, False),
        ("daily", "2026-11-24T08:00", None, True),
        ("daily", "2026-11-24T09:00", "2026-11-24T08:00", False),
        ("daily", "2026-11-24T11:00", "2026-11-23T08:00", True),
        ("weekly", "2026-11-24T08:00", "2026-11-23T08:00", False),
        ("weekly", "2026-11-30T08:00", "2026-11-23T08:00", True),
        ("weekly", "2026-11-30T07:00", "2026-11-23T08:00", False),
        ("weekly", "2026-12-02T10:00", "2026-11-23T08:00", True),
    ],
)
def test_a_letter_is_due_by_the_clock_of_the_community(frequency, local, told, due: bool) -> None:
    def moment(written: str) -> datetime:
        return datetime.fromisoformat(written).replace(tzinfo=UTC)

    assert is_due(frequency, moment(local), moment(told) if told else None) is due


def test_everything_is_downloaded_and_then_erased_for_good(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    service: Service,
    client: FlaskClient,
) -> None:
    forum.posted(DAD)
    worker()
    forum.posted(WARD, "2")
    worker()
    page = own_page("a1")
    page.press("comments/1/credit", credit="chosen", name="Ruthless Ruth")
    mine = json.loads(client.post(f"{page.path}/download").data)
    (only,) = mine["contributions"]
    assert only["text"] == DAD
    assert only["tags"][0]["type"] == "carer"
    assert only["credit"] == {"kind": "chosen", "name": "Ruthless Ruth"}
    assert only["mail_to_the_editors"]["status"] == "sent"

    sure = client.post(f"{page.path}/erase").text
    assert "It cannot be undone." in sure
    assert "Everything is erased" in client.post(f"{page.path}/erase", data={"sure": "yes"}).text
    assert client.get(page.path).status_code == 410
    worker()
    recall = inbox.mails[-1]
    assert recall["Subject"] == "Please delete your copy of an insight"
    assert recall["In-Reply-To"] == next(m["Message-ID"] for m in inbox.mails if "blood thinner" in m.as_string())
    forum.edited(DAD, at=minute(7))
    forum.posted(DAD, delivery="told-again")
    forum.tell("comment.approved", at=minute(8), **_whole(DAD))
    worker()
    held = dump(service)
    assert "blood thinner" not in held
    assert "Member 1'" not in held
    assert "insulin" in held, "the other member's words are still there"


def test_a_new_link_is_asked_for_before_the_page_is_downloaded_or_erased(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    client: FlaskClient,
) -> None:
    forum.posted(DAD)
    worker()
    page = own_page("a1")
    page.press("address", address="ruth@example.org", frequency="each")
    worker()
    link = re.search(r"http://localhost:8080(/members/hub/address/\S+)", words_of(inbox.mails[1]))
    assert link is not None
    client.post(link[1])
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False):
        assert "Send me a new link" in page.text
        assert client.post(f"{page.path}/download").status_code == 403
        assert client.post(f"{page.path}/erase", data={"sure": "yes"}).status_code == 403
        page.press("fresh")
    worker()
    fresh = re.search(r"http://localhost:8080(/members/hub/mine/\S+)", words_of(inbox.mails[2]))
    assert fresh is not None
    assert client.post(f"{fresh[1]}/download").status_code == 200


def test_nobody_opens_or_changes_what_is_not_theirs(
    forum: Forum, worker: Callable[[], None], own_page: Callable[[str], Page], client: FlaskClient
) -> None:
    forum.posted(DAD)
    worker()
    forum.posted(WARD, "2")
    worker()
    page = own_page("a1")
    assert "insulin" not in page.text
    assert client.post(f"{page.path}/comments/2/roles", data={"add": "patient"}).status_code == 404
    assert client.post(f"{page.path}/comments/2/answers", data={"forward": "no"}).status_code == 404
    assert client.post(f"{page.path}/comments/2/credit", data={"credit": "none"}).status_code == 404
    assert client.get("/members/hub/mine/AAAAAAAAAAAAAAAAAAAAAA").status_code == 410
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = client.post(f"{page.path}/comments/1/answers", data={"forward": "no"}, headers=elsewhere)
    assert refused.status_code == 403


def test_two_accounts_of_one_person_become_one(
    forum: Forum, worker: Callable[[], None], own_page: Callable[[str], Page], client: FlaskClient
) -> None:
    forum.posted(DAD)
    worker()
    forum.posted(WARD, "2")
    worker()
    old, new = own_page("a1"), own_page("a2")
    old.press("comments/1/answers", forward="no")
    forum.tell("member.merged", author={"id": "a1"}, into={"id": "a2", "display_name": "Ruth"})
    worker()
    assert client.get(old.path).status_code == 410
    merged = new.text
    assert "blood thinner" in merged
    assert "insulin" in merged
    assert "You said no on" in merged


def test_what_was_chosen_for_kept_words_is_the_comments_once_they_are_posted(
    forum: Forum,
    inbox: Inbox,
    worker: Callable[[], None],
    own_page: Callable[[str], Page],
    service: Service,
    community: Community,
) -> None:
    forum.posted("Thank you for writing this.", "2")
    worker()
    kept = Choice(("patient",), (), Credit("chosen", "Ruth"))
    with writing(service.db) as conn:
        leave_mark(conn, service.vault, 1, DAD, kept, datetime.now(UTC))
    forum.posted(DAD.replace(". ", ".\r\n"))
    worker()
    assert inbox.mails == [], "kept words go nowhere before their author agreed"
    page = own_page("a1")
    assert "chosen by the author" in page.text
    assert 'value="Ruth"' in page.text
    page.press("comments/2/answers", forward="yes")
    worker()
    assert "Ruth (the name that its author chose)" in words_of(inbox.mails[0])
    with reading(service.db) as conn:
        figures = [row for row in prompt_figures(conn, [community.id]) if row.posted]
    assert [(row.title, row.posted) for row in figures] == [("Patient safety and co-production", 1)]


def test_who_wrote_of_a_crisis_finds_help_first_on_their_page(
    forum: Forum, worker: Callable[[], None], own_page: Callable[[str], Page]
) -> None:
    now = datetime.now(UTC).isoformat()
    forum.posted("I can't go on like this any more.", at=now, comment={"created_at": now})
    forum.posted("Thank you for writing this.", "2")
    worker()
    text = own_page("a1").text
    assert text.index("If you need help now") < text.index("I can&#39;t go on")
    assert "116 123" in text
    assert "If you need help now" not in own_page("a2").text


def test_a_link_ends_and_is_swept_away(
    forum: Forum, worker: Callable[[], None], own_page: Callable[[str], Page], service: Service, client: FlaskClient
) -> None:
    forum.posted(DAD)
    worker()
    page = own_page("a1")
    later = datetime.now(UTC) + LASTS + timedelta(minutes=1)
    with time_machine.travel(later, tick=False):
        assert client.get(page.path).status_code == 410
    sweep(service, later)
    with reading(service.db) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(metadata.tables["private_links"])) == 0


def test_words_are_kept_for_two_years_at_most(forum: Forum, worker: Callable[[], None], service: Service) -> None:
    forum.posted(DAD)
    worker()
    forget(service, datetime.fromisoformat(CREATED) + timedelta(days=729))
    assert "blood thinner" in dump(service)
    forget(service, datetime.fromisoformat(CREATED) + timedelta(days=731))
    assert "blood thinner" not in dump(service)


def _whole(text: str) -> dict[str, object]:
    from forum import whole

    return whole(text)
