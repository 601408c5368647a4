"""An Invision Community is read: what we hold is what its forum shows, whatever it told us and whatever it did not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from asked_forum import AskedForum
from click.testing import CliRunner
from fake_invision import CANARIES, EMAIL, KEY, FakeInvision, running
from flask.testing import FlaskClient

from plugin import polling
from plugin.engine import Again
from plugin.forums.invision import setup_from
from plugin.forums.settings import BadSetting
from plugin.service import Service
from plugin.store.communities import Community, change_community
from plugin.store.connections import connection_of, resume_connection, save_connection
from plugin.store.opening import reading, writing
from plugin.store.tables import comments, connections, events, metadata
from webhooks.cli import main

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


def test_an_hour_without_an_answer_loses_nothing(hub: Hub) -> None:
    hub.forum.is_down = True
    for number in range(10):
        hub.forum.post("cms1", hub.record, f"Words {number}", "Bea")
    with pytest.raises(Again):
        hub.settle()
    polling.reconcile_one(hub.service, f"{hub.community.id}.now")
    hub.forum.is_down = False
    hub.poll()
    assert hub.held() == hub.forum.shown()
    assert len(hub.held()) == 10


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
