"""A Discourse is read: what we hold is what its forum shows, whatever it told us and whatever it did not."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from asked_forum import AskedForum
from click.testing import CliRunner
from clock import Clock
from conftest import SECRET
from fake_discourse import ACCOUNT, CANARIES, EMAIL, KEY, TOO_MANY, FakeDiscourse, running, signature
from flask import Flask
from flask.testing import FlaskClient

from plugin import polling, telling
from plugin.channels.webhook import NotTaken
from plugin.engine import Again
from plugin.forums.discourse import setup_from
from plugin.forums.settings import BadSetting
from plugin.model import Tag
from plugin.service import Service
from plugin.store.authors import author_id_of
from plugin.store.communities import Community, change_community
from plugin.store.connections import connection_of, resume_connection, save_connection, take_turn
from plugin.store.links import new_link
from plugin.store.opening import reading, writing
from plugin.store.tables import authors, comments, discussions, events, tag_decisions
from plugin.store.tags import decide_tag
from webhooks.cli import main
from webhooks.wiring import NAME

ONLY_ON = "sqlite"

SETTINGS = {
    "account": ACCOUNT,
    "categories": "5,8",
    "role_fields": "1",
    "topic_tags": "yes",
    "staff_notes": "whisper",
    "groups": "Carer:12,Patient:13",
}
WORDS = "I am a carer for my mother. Nobody told us about the new tablets, and she fell twice that week."


class Hub(AskedForum):
    """A hub on Discourse, with one page that people comment on."""

    def __init__(self, forum: FakeDiscourse, client: FlaskClient, service: Service, community: Community) -> None:
        super().__init__(service, community)
        self.forum, self.client = forum, client
        # The letters of the secret are the key: Discourse knows no base64.
        forum.secret = SECRET.encode()
        forum.told = self.take
        self.page = forum.topic("Patient safety and co-production")

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        answer = self.client.post("/webhooks/discourse/hub", data=body, headers=headers)
        self.answers.append(answer.status_code)
        return answer.status_code

    def sign(self, kind: str, event: str, body: bytes) -> int:
        signed = {"X-Discourse-Event-Type": kind, "X-Discourse-Event": event}
        return self.take(body, signed | {"X-Discourse-Event-Signature": signature(self.forum.secret, body)})

    def ann_posts(self, text: str = WORDS) -> int:
        return self.forum.post(self.page, text, self.forum.join("ann"))

    def connect(self, **settings: str) -> None:
        with writing(self.service.db) as conn:
            save_connection(
                conn,
                self.service.vault,
                self.community.id,
                api_url=self.forum.url,
                keys={"api_key": KEY, "path_token": "unused"},
                settings=SETTINGS | settings,
            )


@pytest.fixture
def hub(client: FlaskClient, service: Service, community: Community, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Return a hub on Discourse, attached; nobody waits for their turn."""
    monkeypatch.setattr(polling, "sleep", lambda _seconds: None)
    with running(FakeDiscourse()) as forum:
        with writing(service.db) as conn:
            change_community(conn, community.id, platform="discourse", private_host="127.0.0.1")
        hub = Hub(forum, client, service, community)
        assert set(hub.answers) == {503}, "it is not connected yet, and can send it again"
        hub.connect()
        hub.answers.clear()
        forum.sent.clear()
        forum.calls.clear()
        yield hub


def posts(hub: Hub) -> None:
    hub.ann_posts()
    hub.forum.post(hub.forum.topic("Another page", 8), "Other words.", hub.forum.join("bea"), reply_to=1)


def posts_to_a_form(hub: Hub) -> None:
    hub.forum.as_form = True
    hub.ann_posts()


def edits(hub: Hub) -> None:
    number = hub.ann_posts("A")
    for text in ("B", "A", "B"):
        hub.settle()
        hub.forum.edit(number, text)


def hides(hub: Hub) -> None:
    number = hub.ann_posts()
    hub.settle()
    hub.forum.hide(number)


def unhides(hub: Hub) -> None:
    number = hub.ann_posts()
    for _ in range(2):
        hub.settle()
        hub.forum.hide(number)
        hub.settle()
        assert str(number) not in hub.held()
        hub.forum.show(number)
        hub.settle()
        assert hub.held()[str(number)] == WORDS


def deletes(hub: Hub) -> None:
    number = hub.ann_posts()
    hub.settle()
    hub.forum.delete(number)


def deletes_by_author(hub: Hub) -> None:
    number = hub.ann_posts()
    hub.settle()
    hub.forum.delete_own(number)
    hub.settle()
    assert str(number) not in hub.held()
    hub.forum.recover(number, WORDS)
    hub.settle()
    assert hub.held()[str(number)] == WORDS
    hub.forum.delete_own(number)


def recovers(hub: Hub) -> None:
    number = hub.ann_posts()
    for _ in range(2):
        hub.settle()
        hub.forum.delete(number)
        hub.settle()
        assert str(number) not in hub.held()
        hub.forum.recover(number)


def deletes_and_recovers_before_we_look(hub: Hub) -> None:
    number = hub.ann_posts()
    hub.settle()
    hub.forum.delete(number)
    hub.forum.recover(number)


def is_told_again(hub: Hub) -> None:
    number = hub.ann_posts("A")
    hub.forum.edit(number, "B")
    hub.settle()
    hub.forum.retry()
    hub.forum.redeliver()
    hub.settle()
    hub.forum.delete(number)
    hub.settle()
    hub.forum.retry()


def writes_in_private(hub: Hub) -> None:
    hub.forum.calls.clear()
    told = hub.count_events()
    message = hub.forum.topic("Between us", 5, "private_message")
    hub.forum.post(message, "Private words.", hub.forum.join("ann"))
    hub.forum.post(hub.page, "A whisper.", hub.forum.join("mo"), post_type=4)
    hub.forum.post(hub.page, "closed this topic", hub.forum.join("mo"), post_type=3)
    hub.forum.post(hub.forum.topic("For the staff alone", 9), "Staff words.", hub.forum.join("mo"))
    hub.forum.users["system"] = {"id": -1, "username": "system"}
    hub.forum.post(hub.page, "This topic was bumped.", "system")
    hub.forum.post(hub.page, "What we wrote ourselves.", hub.forum.join(ACCOUNT))
    hub.settle()
    assert (hub.forum.calls, hub.count_events()) == ([], told)


def moves_the_page_away_and_back(hub: Hub) -> None:
    number = hub.ann_posts()
    hub.settle()
    hub.forum.move(hub.page, 9)
    hub.settle()
    assert str(number) not in hub.held()
    hub.forum.move(hub.page, 8)


def deletes_the_page_and_recovers_it(hub: Hub) -> None:
    number = hub.ann_posts()
    hub.settle()
    hub.forum.delete_topic(hub.page)
    hub.settle()
    assert str(number) not in hub.held()
    hub.forum.recover_topic(hub.page)


def makes_the_page_a_message(hub: Hub) -> None:
    hub.ann_posts()
    hub.settle()
    hub.forum.topics[hub.page] |= {"archetype": "private_message", "category_id": None, "to": "ann"}
    hub.forum._emit("topic", "topic_edited", hub.forum.topics[hub.page])


HEARD = [
    posts, posts_to_a_form, edits, hides, unhides, deletes, deletes_by_author, recovers,
    deletes_and_recovers_before_we_look, is_told_again, writes_in_private, moves_the_page_away_and_back,
    deletes_the_page_and_recovers_it, makes_the_page_a_message,
]  # fmt: skip


def test_what_we_hold_is_what_the_forum_shows(hub: Hub, subtests: pytest.Subtests) -> None:
    for happens in HEARD:
        with subtests.test(happens.__name__):
            hub.page = hub.forum.topic(f"A page where somebody {happens.__name__}")
            hub.forum.sent.clear()
            happens(hub)
            # Told by a hook: it does not take the poll.
            hub.settle()
            assert hub.held() == hub.forum.shown() != {}
            told = hub.count_events()
            hub.poll()
            assert (hub.count_events(), set(hub.answers) - {202}) == (told, set())


def test_what_no_hook_told_the_clock_finds(hub: Hub) -> None:
    hub.forum.hooks = False
    numbers = [hub.forum.post(hub.page, f"Words {number}.", hub.forum.join("ann")) for number in range(110)]
    for _ in range(3):
        hub.poll()
    assert hub.held() == hub.forum.shown()
    assert len(hub.held()) == 110
    hub.forum.edit(numbers[0], "Other words.")
    hub.forum.hide(numbers[1])
    hub.forum.delete(numbers[2])
    hub.forum.edit(numbers[-1], "The newest are looked at each time.")
    hub.forum.delete(numbers[-2])
    hub.poll()
    assert (hub.held()[str(numbers[-1])], str(numbers[-2]) in hub.held()) == (
        "The newest are looked at each time.",
        False,
    )
    for _ in range(3):
        hub.poll()
    assert hub.held() == hub.forum.shown()


def test_who_speaks_is_read_with_what_they_declared(hub: Hub) -> None:
    ann = hub.forum.users[hub.forum.join("ann", role=["Carer", "Patient"])]
    hub.forum.members[30].add("ann")
    quoted = '<aside class="quote"><div class="title"><div class="quote-controls"></div>bea:</div><blockquote><p>I am'
    cooked = f"{quoted} a nurse.</p></blockquote></aside><p>{WORDS}</p>"
    first = hub.ann_posts("The first words.")
    number = hub.forum.post(hub.page, WORDS, "ann", cooked=cooked, reply_to=2)
    hub.forum.post(hub.page, "Nobody shall know.", hub.forum.join("anonymous12"))
    hub.forum.tell_user(hub.forum.join("cas"), "user_created")
    hub.forum.tell_user("cas", "user_confirmed_email")
    hub.settle()
    assert hub.held()[str(number)] == f"> I am a nurse.\n\n{WORDS}"
    assert hub.authors() == {("member", "ann"), ("anonymous", None), ("member", "cas")}
    with reading(hub.service.db) as conn:
        known = conn.execute(sa.select(authors).where(authors.c.display_name == "ann")).one()
        comment = conn.execute(sa.select(comments).where(comments.c.native_id == str(number))).one()
        page = conn.execute(sa.select(discussions)).one()
    assert (known.groups, known.declared) == (["book-club"], [["1", "Carer"], ["1", "Patient"]])
    assert known.profile_url == "https://hub.example.org/u/ann"
    assert (comment.parent_native_id, comment.url) == (str(first), f"{page.url}/3")
    assert page.url == f"https://hub.example.org/t/patient-safety-and-co-production/{hub.page}"
    # A member says later who they are, and what they wrote before is theirs still.
    ann["user_fields"]["1"] = "Nurse"
    hub.forum.tell_user("ann", "user_updated")
    hub.settle()
    with reading(hub.service.db) as conn:
        decided = conn.execute(sa.select(tag_decisions).filter_by(comment_id=comment.id, source="profile")).all()
    assert {row.type: row.decision for row in decided}["health_professional"] == "suggested"
    hub.forum.tell_user("ann", "user_destroyed")
    hub.settle()
    with reading(hub.service.db) as conn:
        gone = author_id_of(conn, hub.community.id, str(ann["id"]))
        row = conn.execute(sa.select(authors).where(authors.c.id == gone)).one()
    assert (row.display_name, row.declared, bool(row.left_at)) == (None, [], True)


def test_an_unsigned_hook_and_a_body_that_is_none_come_to_nothing(hub: Hub) -> None:
    body = json.dumps({"post": {"id": 1}}).encode()
    about = {"X-Discourse-Event-Type": "post", "X-Discourse-Event": "post_created"}
    for signed in (
        {},
        {"X-Discourse-Event-Signature": "sha256="},
        {"X-Discourse-Event-Signature": "sha256=" + "0" * 64},
    ):
        hub.take(body, about | signed)
    hub.take(body, about | {"X-Discourse-Event-Signature": signature(b"another secret", body)})
    wrong = hub.client.post("/webhooks/discourse/nobody", data=body, headers=about)
    # 404 and 410 would make it switch its hook off.
    assert (hub.answers, wrong.status_code, hub.forum.calls) == ([401] * 4, 401, [])
    for event, sent in (("post_created", body), ("post_created", b"not JSON, says Ann"), ("post_created", b"[]")):
        assert hub.sign("post", event, sent) == 202
    assert hub.sign("ping", "ping", b'{"ping":"OK"}') == 202
    assert hub.sign("user", "user_logged_in", b'{"user":{"id":7}}') == 202
    with reading(hub.service.db) as conn:
        rows = conn.execute(sa.select(events)).all()
    assert {(row.type, row.status, row.record) for row in rows} == {("unreadable", "failed", None)}
    assert len(rows) == 3


def test_a_refusal_stops_us_at_the_first_call(hub: Hub) -> None:
    for status in (401, 403):
        hub.forum.calls.clear()
        hub.forum.answers = [(status, {}, "{}")]
        for number in range(3):
            hub.ann_posts(f"Words {number}")
        hub.poll()
        hub.poll()
        with reading(hub.service.db) as conn:
            found = connection_of(conn, hub.service.vault, hub.community.id)
        assert found is not None
        assert (len(hub.forum.calls), found.stop_reason) == (1, f"the forum answered {status}")
        with writing(hub.service.db) as conn:
            resume_connection(conn, hub.community.id)
        hub.poll()
        assert hub.held() == hub.forum.shown() != {}


def test_a_forum_that_is_busy_or_down_is_asked_again_when_it_wants(hub: Hub) -> None:
    waits = {"app": 10, "tracker": 7, "proxy": 10, "body": 24}
    for form, seconds in waits.items():
        hub.forum.answers = [TOO_MANY[form]]
        number = hub.ann_posts(f"Words while it is busy: {form}.")
        with pytest.raises(Again) as asked:
            hub.settle()
        assert asked.value.after == seconds
        hub.settle()
        assert str(number) in hub.held()
    hub.forum.is_down = True
    for number in range(10):
        hub.ann_posts(f"Words {number}")
    with pytest.raises(Again):
        hub.settle()
    polling.reconcile_one(hub.service, f"{hub.community.id}.now")
    hub.forum.is_down = False
    hub.poll()
    assert hub.held() == hub.forum.shown()
    assert len(hub.held()) == 14


def test_an_hour_without_an_answer_loses_none_of_thirty(app: Flask, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    service = replace(hub.service, jobs=clock)  # type: ignore[arg-type]
    monkeypatch.setitem(app.extensions, NAME, service)
    hub.forum.is_down = True
    for number in range(30):
        hub.ann_posts(f"Words {number} while it is down.")
    clock.run(service, until=60 * 60)
    assert hub.held() == {}
    asked = len(hub.forum.calls)
    hub.forum.is_down = False
    clock.run(service)
    assert hub.held() == hub.forum.shown()
    assert (len(hub.held()), clock.dead) == (30, [])
    # Each was asked for a few times in that hour, and not again and again.
    assert 30 * 4 <= asked <= 30 * 6


def test_the_forum_counts_no_more_calls_than_it_permits(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "sleep", lambda seconds: time.sleep(max(0, seconds)))
    hub.connect(per_minute="600", role_fields="", groups="")
    for number in range(20):
        hub.ann_posts(f"Words {number}.")
    hub.settle()
    assert len(hub.forum.calls) == 40
    # Six at once, then one each 0.101 s: that makes 600 in a whole minute.
    assert hub.forum.most_calls_in(1) <= 16
    assert hub.forum.most_calls_in(2) <= 26
    # Whoever else asks, be it another of our programs, waits for the same turns.
    with writing(hub.service.db) as conn:
        # Long after, when no turn of these is still to come.
        then = datetime.now(UTC) + timedelta(minutes=5)
        turns = [take_turn(conn, hub.community.id, 50, then + timedelta(seconds=second / 2)) for second in range(200)]
    assert max(sum(first <= turn < first + timedelta(minutes=1) for turn in turns) for first in turns) == 50


def test_the_past_is_read_in_pages_and_the_same_page_twice_is_no_news(hub: Hub) -> None:
    hub.forum.hooks = False
    numbers = [hub.ann_posts(f"Words {number}.") for number in range(130)]
    for number in numbers[20:90]:
        # Where many went, a page of the list is empty and not the last.
        hub.forum.delete(number)
    forum = polling.forum_of(hub.service, hub.community.id)
    assert forum is not None
    first = next(forum.history({}, None))
    assert (first.read > 0, first.total) == (True, len(hub.forum.posts))
    polling.store(hub.service, hub.community.id, first.events)
    last = first
    for batch in forum.history(first.cursor, None):
        polling.store(hub.service, hub.community.id, batch.events)
        last = batch
    assert (last.cursor, list(forum.history(last.cursor, None))) == ({"below": 0}, [])
    hub.handle()
    assert (hub.held(), hub.count_events()) == (hub.forum.shown(), 60)
    with reading(hub.service.db) as conn:
        assert set(conn.scalars(sa.select(comments.c.source))) == {"backfill"}


def test_the_forum_is_told_what_its_settings_allow_and_nothing_twice(hub: Hub) -> None:
    hub.ann_posts()
    hub.forum.members[30].add("ann")
    hub.settle()
    (number,) = hub.held()
    member = {"author": {"id": str(hub.forum.users["ann"]["id"])}, "comment": {"id": number}}
    for labels in (["Carer"], ["Carer"], ["Patient"]):
        hub.tell("group.put", **member, labels=labels)
    assert hub.forum.members == {12: set(), 13: {"ann"}, 30: {"ann"}}
    hub.tell("group.put", **member, labels=[])
    assert hub.forum.members == {12: set(), 13: set(), 30: {"ann"}}
    changes = [call for call in hub.forum.calls if call.startswith(("PUT", "DELETE"))]
    assert len(changes) == 4
    about = {"comment": {"id": "1"}, "discussion": {"id": str(hub.page)}}
    for string_tags in (False, True):
        hub.forum.string_tags = string_tags
        hub.forum.topics[hub.page]["tags"] = ["falls"]
        for _ in range(2):
            hub.tell("tag.set", **about, labels=["Carer"], page_labels=["Carer"])
        assert hub.forum.topics[hub.page]["tags"] == ["falls", "has-carer-voice"]
    hub.forum.topics[hub.page]["tags"] = ["has-carer-voice"]
    hub.tell("tag.clear", **about, page_labels=[])
    assert hub.forum.topics[hub.page]["tags"] == []
    hub.tell("private_link.put", **member, url="https://mv.example.org/m/x", expires_at="2026-12-01")
    ((to, title, words),) = hub.forum.messages()
    assert (to, title, "https://mv.example.org/m/x" in words) == ("ann", "Your private page", True)
    hub.poll()
    assert hub.held() == hub.forum.shown()
    assert len(hub.held()) == 1


def test_a_member_is_in_the_group_of_their_role_for_as_long_as_they_agree(hub: Hub) -> None:
    for words in (WORDS, "I am a carer, and this is what I think of it a day later."):
        hub.ann_posts(words)
    hub.forum.members[30].add("ann")
    hub.settle()
    with writing(hub.service.db) as conn:
        first, second = conn.scalars(sa.select(comments.c.id).order_by(comments.c.id)).all()
        (ann,) = conn.scalars(sa.select(authors.c.id)).all()
        page = f"/members/hub/mine/{new_link(conn, ann, datetime.now(UTC))}"
        # A moderator who finds a tag right shows nothing by that.
        tag = Tag("carer", 1.0, None, "moderator", source="moderator")
        decide_tag(conn, first, tag, "confirmed", source="moderator", by="staff:1", at=datetime.now(UTC))
        telling.tell_tags(hub.service, conn, hub.community, first)
    hub.write_back()
    assert hub.forum.members[12] == set()
    assert "its group for my role" in hub.client.get(page).text

    def press(comment_id: int, act: str, **form: str) -> set[int]:
        assert hub.client.post(f"{page}/comments/{comment_id}/{act}", data=form).status_code == 303
        hub.write_back()
        return {group for group, names in hub.forum.members.items() if "ann" in names}

    assert press(first, "answers", join_group="yes") == {12, 30}
    assert press(second, "roles", confirm="carer") == {12, 30}
    assert press(second, "answers", join_group="yes") == {12, 30}
    assert press(first, "roles", change="carer", to="patient") == {12, 13, 30}
    # One press leaves, however often they agreed.
    assert press(second, "answers", join_group="no") == {30}
    assert press(first, "answers", join_group="yes") == {13, 30}
    said = hub.forum.calls.count("PUT groups/13/members.json")
    assert press(second, "roles", confirm="patient") == {13, 30}
    assert hub.forum.calls.count("PUT groups/13/members.json") == said, "it stands there already"
    # Who has everything erased is in no group of ours any more.
    assert hub.client.post(f"{page}/erase", data={"sure": "yes"}).status_code in (200, 303)
    hub.write_back()
    assert hub.forum.members == {12: set(), 13: set(), 30: {"ann"}}
    with reading(hub.service.db) as conn:
        assert conn.scalars(sa.select(authors.c.id)).all() == []
    hub.connect(groups="")
    hub.ann_posts("I am a carer still.")
    hub.settle()
    with writing(hub.service.db) as conn:
        page = f"/members/hub/mine/{new_link(conn, conn.scalar(sa.select(authors.c.id)), datetime.now(UTC))}"
    assert "its group for my role" not in hub.client.get(page).text


def test_who_commented_has_their_private_link_sent_where_the_forum_can(hub: Hub) -> None:
    hub.ann_posts()
    hub.settle()
    invited = hub.client.get("/members/hub/panel")
    assert "Have your private link sent" in invited.text
    assert "Send me my private link" in hub.client.get("/members/hub/link").text
    assert hub.client.post("/members/hub/link", data={"name": "Ann"}).status_code == 200
    hub.write_back()
    ((to, _, words),) = hub.forum.messages()
    link = re.search(r"http://\S+(/members/hub/mine/\S+)", words)
    assert link is not None
    assert (to, hub.client.get(link[1]).status_code) == ("ann", 200)
    hub.connect(private_links="no")
    assert "Have your private link sent" not in hub.client.get("/members/hub/panel").text
    assert "Send me my private link" not in hub.client.get("/members/hub/link").text


def test_a_note_to_moderators_is_never_in_the_open(hub: Hub) -> None:
    note = {"key": "discussion:5", "discussion": {"id": str(hub.page)}, "url": "https://mv.example.org/d/5"}
    for text in ("2 voices", "3 voices"):
        hub.tell("staff_note.put", **note, text=text)
    (whisper,) = [post for post in hub.forum.posts.values() if post["username"] == ACCOUNT]
    assert (whisper["post_type"], whisper["raw"].startswith("3 voices")) == (4, True)
    hub.forum.whispers = False
    with pytest.raises(NotTaken, match="whispers are off"):
        hub.tell("staff_note.put", **note | {"key": "discussion:6"}, text="4 voices")
    in_the_open = [post for post in hub.forum.posts.values() if "4 voices" in post["raw"] and not post["deleted_at"]]
    assert in_the_open == []
    hub.connect(staff_notes="message:moderators")
    for text in ("5 voices", "6 voices"):
        hub.tell("staff_note.put", **note, text=text)
    ((to, title, words),) = hub.forum.messages()
    assert (to, title) == ("moderators", "Who speaks: Patient safety and co-production [d5]")
    assert words.startswith("6 voices")


def test_nothing_of_what_the_forum_adds_about_people_stays(
    hub: Hub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    hub.ann_posts()
    for event in ("user_created", "user_updated", "user_approved", "user_logged_in"):
        hub.forum.tell_user("ann", event)
    hub.sign("user", "user_updated", json.dumps({"user": {"id": EMAIL}}).encode())
    hub.poll()
    assert len(hub.held()) == 1
    told = capsys.readouterr()
    kept = told.out + told.err
    with reading(hub.service.db) as conn:
        for name in sa.inspect(conn).get_table_names():
            kept += str(conn.execute(sa.text(f'SELECT * FROM "{name}"')).all())
    for path in tmp_path.rglob("*"):
        kept += path.read_bytes().decode("latin-1") if path.is_file() else ""
    assert "tablets" in kept
    assert [canary for canary in CANARIES if canary in kept] == []


def test_an_owner_connects_the_forum_and_the_doctor_looks_at_it(
    hub: Hub, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def connect(categories: str) -> str:
        given = [f"--setting={name}={value}" for name, value in (SETTINGS | {"categories": categories}).items()]
        command = ["community", "connect", "hub", "--api-url", hub.forum.url, *given]
        done = CliRunner().invoke(main, command, input=f"{KEY}\n")
        assert (done.exit_code, KEY in done.output) == (0, False)
        return done.output

    assert connect("5,8").strip().endswith("/webhooks/discourse/hub")
    well = CliRunner().invoke(main, ["doctor", "hub"])
    assert ("category 8" in well.output, "whispers" in well.output) == (True, True)
    assert [word for word in ("not everybody", "no such", "the forum answered") if word in well.output] == []
    connect("5,9,77")
    ill = CliRunner().invoke(main, ["doctor", "hub"])
    assert (ill.exit_code, "not everybody may read it" in ill.output, "no such category" in ill.output) == (
        1,
        True,
        True,
    )
    hub.forum.key = "another"
    for _ in range(2):
        hub.forum.calls.clear()
        refused = CliRunner().invoke(main, ["doctor", "hub"])
        assert refused.exit_code == 1
    assert hub.forum.calls == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"categories": "all"},
        {"categories": ""},
        {"account": ""},
        {"account": "two names"},
        {"staff_notes": "message"},
        {"staff_notes": "loud"},
        {"topic_tags": "maybe"},
        {"groups": "Carer"},
        {"audience": "private"},
    ],
)
def test_a_setting_that_makes_no_sense_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match=next(reversed(wrong))):
        setup_from(SETTINGS | wrong)
