"""An Invision Community is read: what we hold is what its forum shows, whatever it told us and whatever it did not."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
import sqlalchemy as sa
from asked_forum import AskedForum
from click.testing import CliRunner
from clock import Clock
from conftest import SECRET
from fake_invision import CANARIES, EMAIL, KEY, FakeInvision, running
from flask import Flask
from flask.testing import FlaskClient

from forum import Forum
from plugin import engine, polling, telling
from plugin.forums.invision import setup_from
from plugin.forums.settings import BadSetting
from plugin.model import Tag
from plugin.service import Service
from plugin.store.communities import Community, add_community, add_secret, change_community
from plugin.store.connections import connection_of, resume_connection, save_connection
from plugin.store.links import new_link
from plugin.store.opening import reading, writing
from plugin.store.tables import comments, connections, events, metadata
from plugin.store.tags import decide_tag
from webhooks.cli import main
from webhooks.signatures import secret_bytes
from webhooks.wiring import NAME

ONLY_ON = "sqlite"

TOKEN = "canary-token-9f1d77aa0b3c4d5e6f708192a3b4c5d6"
SETTINGS = {
    "databases": "1",
    "blogs": "all",
    "forums": "3",
    "staff_forum": "9",
    "own_member": "1",
    "role_fields": "7",
    "item_tags": "yes",
    "groups": "Carer:12,Patient:13",
}
# By hand it was 500 too: MANY=500.
MANY = int(os.environ.get("MANY", "60"))
WARD = {
    "name": "The ward",
    "base_url": "https://ward.example.org",
    "sign_up_url": "https://ward.example.org/register/",
    "sign_in_url": "https://ward.example.org/login/",
    "editorial_address": "editors@ward.example.org",
    "moderators_address": "moderators@ward.example.org",
}
WORDS = "I am a carer for my mother. Nobody told us about the new tablets, and she fell twice that week."


class Hub(AskedForum):
    """A hub on Invision."""

    def __init__(self, forum: FakeInvision, client: FlaskClient, service: Service, community: Community) -> None:
        super().__init__(service, community)
        self.forum, self.client = forum, client
        forum.told = self.take
        forum.members[1] = {"id": 1, "name": "Many Voices"}
        self.record = forum.page("cms1", "Patient safety and co-production")

    def take(self, _event: str, body: bytes, headers: dict[str, str], token: str = TOKEN) -> None:
        answer = self.client.post(f"/webhooks/invision/hub/{token}", data=body, headers=headers)
        self.answers.append(answer.status_code)


@pytest.fixture
def hub(client: FlaskClient, service: Service, community: Community, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Return a hub on Invision, attached; its lists have short pages, and nobody waits for their turn."""
    monkeypatch.setattr("plugin.forums.invision.ON_A_PAGE", 10)
    monkeypatch.setattr(polling, "sleep", lambda _seconds: None)
    with running(FakeInvision()) as forum:
        keys = {"api_key": KEY, "path_token": TOKEN}
        with writing(service.db) as conn:
            change_community(conn, community.id, platform="invision", private_host="127.0.0.1")
            save_connection(conn, service.vault, community.id, api_url=forum.url, keys=keys, settings=SETTINGS)
        yield Hub(forum, client, service, community)


def posts(hub: Hub) -> None:
    ann = hub.forum.join("Ann", role="Carer")
    hub.forum.post("cms1", hub.record, WORDS, ann)
    hub.forum.post("blog", hub.forum.page("blog", "Two"), "Blog words.", ann)
    hub.forum.post("forums", hub.forum.page("forums", "Three", 3), "Forum words.", ann)


def edits(hub: Hub) -> None:
    number = hub.forum.post("cms1", hub.record, "A", hub.forum.join("Ann"))
    for text in ("B", "A", "B"):
        hub.poll()
        hub.forum.edit("cms1", number, text)


def hides(hub: Hub) -> None:
    number = hub.forum.post("cms1", hub.record, WORDS, hub.forum.join("Ann"))
    hub.poll()
    hub.forum.hide("cms1", number)


def unhides(hub: Hub) -> None:
    hides(hub)
    for _ in range(2):
        hub.poll()
        assert hub.held() == {}
        (number,) = hub.forum.comments["cms1"]
        hub.forum.show("cms1", number)
        hub.poll()
        assert hub.held() == hub.forum.shown() != {}
        hub.forum.hide("cms1", number)
    hub.poll()
    hub.forum.show("cms1", number)


def deletes(hub: Hub) -> None:
    number = hub.forum.post("cms1", hub.record, WORDS, hub.forum.join("Ann"))
    hub.poll()
    hub.forum.delete("cms1", number)


def deletes_unheard(hub: Hub) -> None:
    number = hub.forum.post("cms1", hub.record, WORDS, hub.forum.join("Ann"))
    hub.poll()
    hub.forum.hooks = False
    hub.forum.delete("cms1", number)


def waits(hub: Hub) -> None:
    hub.forum.post("cms1", hub.record, WORDS, hub.forum.join("Ann"), hidden=1)


def is_approved(hub: Hub) -> None:
    number = hub.forum.post("cms1", hub.record, WORDS, hub.forum.join("Ann"), hidden=1)
    hub.settle()
    assert hub.held() == {}
    hub.forum.lowercase = True
    hub.forum.show("cms1", number)


def is_lost(hub: Hub) -> None:
    hub.forum.hooks = False
    for number in range(25):
        hub.forum.post("cms1", hub.record, f"Words {number}.", hub.forum.join("Ann"))
    hub.poll()


def completes(hub: Hub) -> None:
    hub.forum.post("cms1", hub.record, WORDS, "Ann", hidden=-3)
    hub.settle()
    assert hub.held() == {}
    hub.forum.complete(hub.forum.join("Ann"))


def has_its_page_hidden(hub: Hub) -> None:
    hub.forum.pages["cms1"][hub.record]["hidden"] = True
    hub.forum.post("cms1", hub.record, WORDS, hub.forum.join("Ann"))


@pytest.mark.parametrize(
    "happens",
    [
        posts, edits, hides, unhides, deletes, deletes_unheard, waits, is_approved, is_lost, completes,
        has_its_page_hidden,
    ],
)  # fmt: skip
def test_what_we_hold_is_what_the_forum_shows(hub: Hub, happens: Callable[[Hub], None]) -> None:
    happens(hub)
    heard = happens in (posts, deletes, waits, is_approved, completes, has_its_page_hidden)
    if heard:
        # Told by a hook: it does not take the poll.
        hub.settle()
    else:
        hub.poll()
    assert hub.held() == hub.forum.shown()
    told = hub.count_events()
    hub.poll()
    assert (hub.count_events(), set(hub.answers) - {202}) == (told, set())


def test_nobody_is_named_who_did_not_want_to_be(hub: Hub) -> None:
    ann = hub.forum.join("Ann", role="Carer")
    hub.forum.post("cms1", hub.record, "One.", ann, anonymous=True)
    hub.forum.post("cms1", hub.record, "Two.", ann, isAnonymous=1)
    hub.forum.post("cms1", hub.record, "Three.", "Anonymous")
    hub.forum.post("cms1", hub.record, "Four.", "Visitor Bea")
    hub.forum.post("cms1", hub.record, "Five.", "")
    next(reversed(hub.forum.comments["cms1"].values()))["author"] = None
    hub.settle()
    assert hub.authors() == {("anonymous", None), ("guest", "Visitor Bea"), ("guest", None)}
    assert hub.held() == hub.forum.shown()


def test_only_what_stands_where_we_read_is_read(hub: Hub) -> None:
    staff = hub.forum.page("forums", "For the staff alone", 9)
    hub.forum.post("forums", staff, "Private words.", hub.forum.join("Mo"))
    hub.forum.post("cms2", hub.forum.page("cms2", "Elsewhere"), "Other words.", hub.forum.join("Mo"))
    hub.forum.post("cms1", hub.record, "What we wrote ourselves.", 1)
    hub.poll()
    assert (hub.held(), hub.count_events()) == ({}, 0)


def test_a_wrong_token_and_a_body_that_is_none_come_to_nothing(hub: Hub) -> None:
    hub.take("x", b"{}", {"Webhook-Event": "blogEntryComment_create"}, token="0" * 43)
    hub.take("x", b"{}", {"Webhook-Event": "blogEntryComment_create"}, token=TOKEN[:-1])
    assert (hub.answers, hub.forum.calls) == ([401, 401], [])
    for body in (b"not JSON at all, says Ann", b'{"id": "Ann"}', b'{"id": 0}', b'{"id": true}', b"[]", b""):
        hub.take("x", body, {"Webhook-Event": "blogEntryComment_create"})
    hub.take("x", b"{}", {"Webhook-Event": "club_created"})
    assert hub.answers[2:] == [202] * 7
    with reading(hub.service.db) as conn:
        rows = conn.execute(sa.select(events)).all()
    assert {(row.type, row.status, row.record) for row in rows} == {("unreadable", "failed", None)}
    keys = {"api_key": KEY, "path_token": TOKEN, "basic_key": KEY}
    with writing(hub.service.db) as conn:
        save_connection(conn, hub.service.vault, hub.community.id, api_url=hub.forum.url, keys=keys, settings=SETTINGS)
    hub.take("x", b"{}", {"Webhook-Event": "club_created"})
    hub.forum.post("cms1", hub.record, WORDS, "Bea")
    assert hub.answers[-2:] == [401, 202]


@pytest.mark.parametrize("refusal", ["bad key", 403, 429])
def test_a_refusal_stops_us_at_the_first_call(hub: Hub, refusal: str | int) -> None:
    if isinstance(refusal, int):
        hub.forum.answers = [(refusal, {}, {"errorMessage": "TOO_MANY_REQUESTS_WITH_BAD_KEY"})]
    else:
        hub.forum.key = "another"
    for number in range(5):
        hub.forum.post("cms1", hub.record, f"Words {number}", "Bea")
    hub.poll()
    hub.poll()
    polling.read_forum(hub.service, f"{hub.community.id}.cms1.101.again")
    assert len(hub.forum.calls) == 1
    with reading(hub.service.db) as conn:
        found = connection_of(conn, hub.service.vault, hub.community.id)
    assert found is not None
    assert found.stopped_at
    assert found.stop_reason == f"the forum answered {refusal if isinstance(refusal, int) else 401}"
    hub.forum.key = KEY
    with writing(hub.service.db) as conn:
        resume_connection(conn, hub.community.id)
    hub.poll()
    assert hub.held() == hub.forum.shown() != {}


def test_an_hour_without_an_answer_loses_none_of_sixty_and_no_minute_is_too_full(
    app: Flask, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    class Simulated(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Simulated":
            return cls(2026, 11, 22, 12, tzinfo=tz) + timedelta(seconds=clock.now)

    def waits(seconds: float) -> None:
        clock.now += max(0, seconds)

    monkeypatch.setattr(polling, "datetime", Simulated)
    monkeypatch.setattr(polling, "sleep", waits)
    service = replace(hub.service, jobs=clock)  # type: ignore[arg-type]
    monkeypatch.setitem(app.extensions, NAME, service)
    hub.forum.clock = lambda: clock.now
    with writing(hub.service.db) as conn:
        settings = SETTINGS | {"per_minute": "40"}
        keys = {"api_key": KEY, "path_token": TOKEN}
        save_connection(conn, hub.service.vault, hub.community.id, api_url=hub.forum.url, keys=keys, settings=settings)
    hub.forum.is_down = True
    for number in range(MANY):
        hub.forum.post("cms1", hub.record, f"Words {number}", "Bea")
    assert hub.answers == [202] * MANY
    clock.run(service, until=60 * 60)
    polling.reconcile_one(service, f"{hub.community.id}.now")
    asked = len(hub.forum.calls)
    assert hub.held() == {}
    # Each was asked for a few times in that hour, and not again and again.
    assert MANY * 4 <= asked <= MANY * 6
    hub.forum.is_down = False
    clock.run(service)
    assert hub.held() == hub.forum.shown()
    assert (len(hub.held()), hub.count_events(), clock.dead) == (MANY, MANY, [])
    # Counted where they arrive: as many as are allowed, and in no minute one more.
    assert 35 <= hub.forum.most_calls_in(60) <= 40


def test_while_a_forum_is_down_a_comment_of_another_is_read_at_once(
    client: FlaskClient, hub: Hub, worker: Callable[[], None]
) -> None:
    with writing(hub.service.db) as conn:
        ward = add_community(conn, slug="ward", platform="standard", **WARD)
        add_secret(conn, hub.service.vault, ward, SECRET)
    hub.forum.is_down = True
    for number in range(20):
        hub.forum.post("cms1", hub.record, f"Words {number}", "Bea")
    deadline = time.monotonic() + 20
    while not hub.forum.calls:
        assert time.monotonic() < deadline, "nobody asked the forum"
        time.sleep(0.01)
    Forum(client, secret_bytes(SECRET), slug="ward").posted(WORDS, "1")
    while WORDS not in hub.held().values():
        assert time.monotonic() < deadline, "the other community waits for the forum that is down"
        time.sleep(0.01)
    assert list(hub.held().values()) == [WORDS]
    assert engine.pending_jobs(hub.service.db), "what the forum that is down told of still waits its turn"


def test_a_member_is_in_the_group_of_their_role_for_as_long_as_they_agree(hub: Hub) -> None:
    ann = hub.forum.join("Ann", 30)
    hub.forum.post("cms1", hub.record, WORDS, ann)
    hub.settle()
    with writing(hub.service.db) as conn:
        (first,) = conn.scalars(sa.select(comments.c.id)).all()
        author = int(conn.scalar(sa.select(comments.c.author_id).where(comments.c.id == first)) or 0)
        page = f"/members/hub/mine/{new_link(conn, author, datetime.now(UTC))}"
        # A moderator who finds a tag right puts nobody into a group.
        tag = Tag("carer", 1.0, None, "moderator", source="moderator")
        decide_tag(conn, first, tag, "confirmed", source="moderator", by="staff:1", at=datetime.now(UTC))
        telling.tell_tags(hub.service, conn, hub.community, first)
    hub.write_back()

    def groups() -> list[int]:
        return [group["id"] for group in hub.forum.members[ann]["secondaryGroups"]]

    def press(act: str, **form: str) -> list[int]:
        assert hub.client.post(f"{page}/comments/{first}/{act}", data=form).status_code == 303
        hub.write_back()
        return groups()

    assert groups() == [30]
    assert "its group for my role" in hub.client.get(page).text
    assert press("answers", join_group="yes") == [30, 12]
    assert press("roles", change="carer", to="patient") == [30, 13]
    assert press("answers", join_group="no") == [30]
    assert press("answers", join_group="yes") == [30, 13]
    # The group of the book club is hers, whatever becomes of what we hold.
    assert hub.client.post(f"{page}/erase", data={"sure": "yes"}).status_code in (200, 303)
    hub.write_back()
    assert groups() == [30]


def test_the_past_is_read_in_pages_and_the_same_page_twice_is_no_news(hub: Hub) -> None:
    hub.forum.hooks = False
    for number in range(22):
        hub.forum.post("cms1", hub.record, f"Words {number}.", "Bea")
    forum = polling.forum_of(hub.service, hub.community.id)
    assert forum is not None
    first = next(forum.history({}, None))
    assert (first.read, first.total, first.cursor) == (10, 22, {"area": "cms1", "page": 2})
    polling.store(hub.service, hub.community.id, first.events)
    for batch in forum.history({}, None):
        polling.store(hub.service, hub.community.id, batch.events)
    hub.handle()
    assert (hub.held(), hub.count_events()) == (hub.forum.shown(), 22)
    with reading(hub.service.db) as conn:
        assert set(conn.scalars(sa.select(comments.c.source))) == {"backfill"}


def test_the_forum_is_told_what_its_settings_allow_and_nothing_twice(hub: Hub) -> None:
    ann = hub.forum.join("Ann", 30)
    member = {"id": str(ann)}
    hub.tell("group.put", author=member, labels=["Carer"])
    hub.tell("group.put", author=member, labels=["Carer"])
    assert [group["id"] for group in hub.forum.members[ann]["secondaryGroups"]] == [30, 12]
    hub.tell("group.put", author=member, labels=[])
    assert [group["id"] for group in hub.forum.members[ann]["secondaryGroups"]] == [30]
    for text in ("2 voices & <more>", "2 voices & <more>", "3 voices"):
        hub.tell(
            "staff_note.put",
            key="discussion:5",
            discussion={"id": f"cms1:{hub.record}"},
            text=text,
            url="https://mv.example.org/d/5",
        )
    (topic,) = hub.forum.pages["forums"].values()
    assert topic["title"] == "Who speaks: Patient safety and co-production [d5]"
    assert topic["firstPost"]["content"].startswith("<p>3 voices</p>")
    hub.tell("private_link.put", author=member, url="https://mv.example.org/m/x", expires_at="2026-12-01")
    (message,) = hub.forum.messages
    assert (message["from"], message["to[]"]) == ("1", str(ann))
    assert "https://mv.example.org/m/x" in message["body"]
    page = hub.forum.pages["cms1"][hub.record]
    page["tags"] = [{"name": "falls"}]
    about = {"comment": {"id": "cms1:1"}, "discussion": {"id": f"cms1:{hub.record}"}}
    for _ in range(2):
        hub.tell("tag.set", **about, labels=["Carer"], page_labels=["Carer"])
    assert [tag["name"] for tag in page["tags"]] == ["falls", "has-carer-voice"]
    hub.tell("tag.clear", **about, page_labels=[])
    assert [tag["name"] for tag in page["tags"]] == ["falls"]
    posts = [call for call in hub.forum.calls if call.startswith("POST")]
    assert len(posts) == 2 + 2 + 1 + 2
    forum = polling.forum_of(hub.service, hub.community.id)
    assert forum is not None
    assert [finding.what for finding in forum.examine() if not finding.is_ok] == []


def test_nothing_of_what_forums_add_about_people_stays(
    hub: Hub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    posts(hub)
    hub.forum.complete(hub.forum.join("Bea"))
    hub.take("x", json.dumps({"id": EMAIL}).encode(), {"Webhook-Event": "member_edited"})
    hub.poll()
    assert len(hub.held()) == 3
    told = capsys.readouterr()
    kept = told.out + told.err
    with reading(hub.service.db) as conn:
        names = sa.inspect(conn).get_table_names()
        assert {connections.name, *(table.name for table in metadata.sorted_tables)} <= set(names)
        for name in names:
            kept += str(conn.execute(sa.text(f'SELECT * FROM "{name}"')).all())
    for path in tmp_path.rglob("*"):
        kept += path.read_bytes().decode("latin-1") if path.is_file() else ""
    assert "tablets" in kept
    assert [canary for canary in (*CANARIES, TOKEN) if canary in kept] == []


def test_an_owner_connects_the_forum_and_the_doctor_looks_at_it(
    hub: Hub, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    command = ["community", "connect", "hub", "--api-url", hub.forum.url, "--setting", "databases=1"]
    done = CliRunner().invoke(main, [*command, "--setting", "own_member=1"], input=f"{KEY}\n")
    assert done.exit_code == 0
    assert done.output.strip().endswith(f"/webhooks/invision/hub/{TOKEN}")
    assert KEY not in done.output
    well = CliRunner().invoke(main, ["doctor", "hub"])
    assert ("right to read cms1      ok" in well.output, "the forum answered" in well.output) == (True, False)
    hub.forum.key = "another"
    ill = CliRunner().invoke(main, ["doctor", "hub"])
    assert (ill.exit_code, "NOT OK  the forum answered 401: stop here" in ill.output) == (1, True)
    again = CliRunner().invoke(main, ["doctor", "hub"])
    assert (again.exit_code, hub.forum.bad_calls) == (1, 1)
    assert "the forum answered 401" in again.output


@pytest.mark.parametrize(
    "wrong",
    [
        {"databases": "one"},
        {"forums": "all"},
        {"forums": "3,9", "staff_forum": "9"},
        {"item_tags": "maybe"},
        {"groups": "Carer"},
        {"audience": "private"},
        {"own_member": "1,2"},
    ],
)
def test_a_setting_that_makes_no_sense_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match=next(reversed(wrong))):
        setup_from(wrong)
