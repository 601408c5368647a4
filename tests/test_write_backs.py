"""A forum is told what belongs beside a comment: with its author's say, once, in order, and not after a refusal."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from clock import Clock
from conftest import SECRET
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from standardwebhooks.webhooks import Webhook
from werkzeug import Request, Response

from forum import Forum, minute, whole
from mail_server import Inbox
from plugin import contributors
from plugin.channels.webhook import Pace
from plugin.engine import Again
from plugin.handlers import handle
from plugin.service import Service
from plugin.store.communities import Community, add_secret, change_community, community_by_slug, retire_secrets
from plugin.store.opening import is_sqlite, reading, writing
from plugin.store.tables import authors, comments, events, private_links, write_backs
from plugin.telling import give_up, put_staff_note, send_private_link, tell_again, write_back
from webhooks.cli import main
from webhooks.commands.practising import prepared_practice
from webhooks.settings import settings_from

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

WORDS = "I am a carer for my mother. Nobody told us about the new tablets, and she fell twice that week."


class Told:
    """What the forum was told, checked with the library of Standard Webhooks; answers as `answers` say, then 204."""

    def __init__(self, httpserver: HTTPServer) -> None:
        self.messages: list[dict[str, object]] = []
        self.ids: list[str] = []
        self.times: list[float] = []
        self.answers: list[Response] = []
        httpserver.expect_request("/told", method="POST").respond_with_handler(self._take)

    def _take(self, request: Request) -> Response:
        self.messages.append(Webhook(SECRET).verify(request.get_data(as_text=True), dict(request.headers)))
        self.times.append(time.monotonic())
        self.ids.append(request.headers["webhook-id"])
        return self.answers.pop(0) if self.answers else Response(status=204)

    @property
    def types(self) -> list[object]:
        return [message["type"] for message in self.messages]


@pytest.fixture
def told(httpserver: HTTPServer, service: Service, community: Community) -> Told:
    """Return a forum that takes what it is told, and shows tags where their authors agree."""
    with writing(service.db) as conn:
        change_community(
            conn,
            community.id,
            write_back_url=httpserver.url_for("/told"),
            private_host="localhost",
            public_tags="consented",
        )
    return Told(httpserver)


@pytest.fixture
def forum(client: FlaskClient, secret: bytes, service: Service, told: Told) -> Forum:
    """Return a forum that we are attached to."""
    return Forum(client, secret)


def hub(service: Service) -> Community:
    with reading(service.db) as conn:
        found = community_by_slug(conn, "hub")
    assert found is not None
    return found


def settle(service: Service) -> None:
    """Handle what came in, and tell the forum what is put up; each once, as if each job ran one time."""
    with reading(service.db) as conn:
        keys = conn.scalars(sa.select(events.c.key).where(events.c.status == "received")).all()
    for key in keys:
        handle(service, key)
    for subject in due(service):
        write_back(service, subject)


def due(service: Service) -> list[str]:
    with reading(service.db) as conn:
        rows = conn.execute(sa.select(write_backs).where(write_backs.c.status.in_(("waiting", "sending"))))
        return [f"{row.community_id}.{row.id}.{row.round}" for row in rows]


def status_of(service: Service) -> list[str]:
    with reading(service.db) as conn:
        return list(conn.scalars(sa.select(write_backs.c.status).order_by(write_backs.c.id)))


def comment_id(service: Service) -> int:
    with reading(service.db) as conn:
        return int(conn.scalar(sa.select(comments.c.id)) or 0)


def says(service: Service, *, yes: bool) -> None:
    with writing(service.db) as conn:
        contributors.answer(service, conn, hub(service), comment_id(service), {"show_tag": yes}, datetime.now(UTC))


def is_a(service: Service, type_: str, *, theirs: bool = True) -> None:
    with writing(service.db) as conn:
        chosen = {type_: theirs}
        contributors.choose_roles(service, conn, hub(service), comment_id(service), chosen, datetime.now(UTC))


def test_ann_s_role_stands_beside_her_comment_once_she_agreed(forum: Forum, service: Service, told: Told) -> None:
    forum.posted(WORDS, "4812")
    settle(service)
    is_a(service, "carer")
    settle(service)
    assert told.messages == []
    says(service, yes=True)
    settle(service)
    (message,) = told.messages
    assert message["type"] == "tag.set"
    assert message["data"] == {
        "comment": {"id": "4812", "created_at": "2026-11-22T12:00:00+00:00"},
        "discussion": {"id": "d1"},
        "labels": ["Carer"],
        "url": f"{service.public_url}/members/hub/about-tags",
    }
    # Who wonders what that label is finds it in plain words.
    page = forum.client.get("/members/hub/about-tags")
    assert "only if its author said yes to that" in page.text
    assert "Have your private link sent" in page.text
    assert "groups for roles" not in page.text
    assert forum.client.get("/members/nowhere/about-tags").status_code == 404
    assert "tablets" not in json.dumps(message)


def test_what_we_only_read_from_her_words_is_not_shown(forum: Forum, service: Service, told: Told) -> None:
    forum.posted(WORDS)
    settle(service)
    says(service, yes=True)
    settle(service)
    assert told.messages == []


@pytest.mark.parametrize("what", ["takes it back", "is no carer", "hides it", "deletes it", "erases all", "setting"])
def test_what_no_longer_holds_is_cleared(forum: Forum, service: Service, told: Told, what: str) -> None:
    forum.posted(WORDS)
    settle(service)
    is_a(service, "carer")
    says(service, yes=True)
    settle(service)
    match what:
        case "takes it back":
            says(service, yes=False)
        case "is no carer":
            is_a(service, "carer", theirs=False)
        case "hides it":
            forum.hidden(at=minute(5))
        case "deletes it":
            forum.removed(at=minute(5))
        case "erases all":
            with writing(service.db) as conn:
                author_id = conn.scalar(sa.select(authors.c.id))
                contributors.erase(service, conn, hub(service), author_id or 0, datetime.now(UTC))
        case "setting":
            with writing(service.db) as conn:
                change_community(conn, hub(service).id, public_tags="none")
            with writing(service.db) as conn:
                tell_again(service, conn, hub(service))
    settle(service)
    assert told.types == ["tag.set", "tag.clear"]
    assert told.messages[1]["data"] == {"comment": {"id": "1", "created_at": "2026-11-22T12:00:00+00:00"}}
    assert told.ids[0] != told.ids[1]


def test_yes_no_yes_is_three_messages_and_yes_yes_is_one(forum: Forum, service: Service, told: Told) -> None:
    forum.posted(WORDS)
    settle(service)
    is_a(service, "carer")
    for yes in (True, True, False, False, True, True):
        says(service, yes=yes)
        settle(service)
    assert told.types == ["tag.set", "tag.clear", "tag.set"]
    assert len(set(told.ids)) == 3


def test_what_comes_back_of_our_own_writes_is_no_news(forum: Forum, service: Service, told: Told, inbox: Inbox) -> None:
    """The forum announces an edit whose words are the same, as some do when a label changes."""
    forum.posted(WORDS)
    settle(service)
    is_a(service, "carer")
    says(service, yes=True)
    settle(service)

    def standing() -> list[object]:
        with reading(service.db) as conn:
            history = conn.exec_driver_sql("SELECT id, type, decision FROM tag_decisions ORDER BY id").all()
            mails = conn.exec_driver_sql("SELECT id, kind, status, round FROM outbox ORDER BY id").all()
            return [[tuple(row) for row in history], [tuple(row) for row in mails], told.types]

    before = standing()
    forum.edited(WORDS, at="2026-11-22T12:00:00Z")
    forum.tell("comment.approved", at=minute(9), **whole(WORDS))
    settle(service)
    assert standing() == before


def test_history_is_never_told(forum: Forum, service: Service, told: Told) -> None:
    forum.posted(WORDS)
    settle(service)
    with writing(service.db) as conn:
        conn.execute(sa.update(comments).values(source="backfill"))
    is_a(service, "carer")
    says(service, yes=True)
    settle(service)
    assert told.messages == []


def test_a_refusal_is_one_call_until_the_operator_goes_on(forum: Forum, service: Service, told: Told) -> None:
    told.answers = [Response(status=401)]
    forum.posted(WORDS, "1")
    settle(service)
    is_a(service, "carer")
    says(service, yes=True)
    settle(service)
    with writing(service.db) as conn:
        author_id = conn.scalar(sa.select(authors.c.id)) or 0
        send_private_link(service, conn, hub(service), author_id)
        put_staff_note(service, conn, hub(service), 1, "2 people", "https://voices.example.org/moderators/")
    settle(service)
    assert len(told.messages) == 1
    assert hub(service).write_back_stop_reason == "the forum answered 401"
    assert status_of(service) == ["held", "held", "held"]
    with writing(service.db) as conn:
        tell_again(service, conn, hub(service))
    settle(service)
    assert sorted(map(str, told.types[1:])) == ["private_link.put", "staff_note.put", "tag.set"]
    assert status_of(service) == ["done", "done", "done"]
    assert told.ids[0] == told.ids[1 + told.types[1:].index("tag.set")]


def test_what_may_have_arrived_comes_again_as_the_same_message(forum: Forum, service: Service, told: Told) -> None:
    told.answers = [Response(status=500), Response(status=503, headers={"Retry-After": "90"})]
    forum.posted(WORDS)
    settle(service)
    is_a(service, "carer")
    says(service, yes=True)
    for after in (0, 90):
        with pytest.raises(Again) as again:
            settle(service)
        assert again.value.after == after
    settle(service)
    assert len(told.messages) == 3
    assert told.messages[0] == told.messages[1] == told.messages[2]
    assert len(set(told.ids)) == 1


def test_a_tag_that_may_have_arrived_is_cleared(forum: Forum, service: Service, told: Told) -> None:
    """The forum answered 500 and may show the label all the same: her no has to reach it."""
    told.answers = [Response(status=500)]
    forum.posted(WORDS)
    settle(service)
    is_a(service, "carer")
    says(service, yes=True)
    (older,) = due(service)
    with pytest.raises(Again):
        settle(service)
    says(service, yes=False)
    settle(service)
    write_back(service, older)
    assert told.types == ["tag.set", "tag.clear"]


def test_a_no_before_it_went_leaves_nothing_to_tell(forum: Forum, service: Service, told: Told) -> None:
    forum.posted(WORDS)
    settle(service)
    is_a(service, "carer")
    says(service, yes=True)
    says(service, yes=False)
    settle(service)
    assert told.messages == []


def test_what_is_gone_there_is_over_and_what_was_never_taken_is_seen(
    forum: Forum, service: Service, told: Told
) -> None:
    told.answers = [Response(status=410), Response(status=500)]
    forum.posted(WORDS)
    settle(service)
    is_a(service, "carer")
    says(service, yes=True)
    settle(service)
    assert status_of(service) == ["failed"]
    says(service, yes=False)
    (subject,) = due(service)
    with pytest.raises(Again):
        write_back(service, subject)
    give_up(service, subject)
    with reading(service.db) as conn:
        assert conn.scalar(sa.select(write_backs.c.reason)) == "given up: the forum answered 500"
    assert due(service) == []


def test_a_note_is_put_in_place_of_the_one_before_and_never_twice(forum: Forum, service: Service, told: Told) -> None:
    forum.posted(WORDS)
    settle(service)
    for text in ("1 person has spoken.", "1 person has spoken.", "2 people have spoken."):
        with writing(service.db) as conn:
            put_staff_note(service, conn, hub(service), 1, text, "https://voices.example.org/moderators/discussions/1")
        settle(service)
    assert told.types == ["staff_note.put", "staff_note.put"]
    first, second = (message["data"] for message in told.messages)
    assert first == {
        "key": "discussion:1",
        "discussion": {"id": "d1"},
        "text": "1 person has spoken.",
        "url": "https://voices.example.org/moderators/discussions/1",
    }
    assert isinstance(second, dict)
    assert second["text"] == "2 people have spoken."
    with reading(service.db) as conn:
        assert conn.scalar(sa.select(write_backs.c.sealed)) is None


def test_a_private_link_opens_its_owner_s_page_and_is_kept_nowhere(
    forum: Forum, service: Service, told: Told, client: FlaskClient
) -> None:
    told.answers = [Response(status=500)]
    forum.posted(WORDS)
    settle(service)
    with writing(service.db) as conn:
        assert send_private_link(service, conn, hub(service), conn.scalar(sa.select(authors.c.id)) or 0)
    with pytest.raises(Again):
        settle(service)
    settle(service)
    first, second = (message["data"] for message in told.messages)
    assert first == second
    assert isinstance(first, dict)
    assert first["author"] == {"id": "a1"}
    token = first["url"].rpartition("/")[2]
    assert client.get(f"/members/hub/mine/{token}").status_code == 200
    with reading(service.db) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(private_links)) == 1
        rows = json.dumps([[str(value) for value in row] for row in conn.execute(sa.select(write_backs))])
        jobs = conn.exec_driver_sql(
            f"SELECT inputs, output FROM {'' if conn.dialect.name == 'sqlite' else 'dbos.'}workflow_status"
        ).all()
    assert token not in rows
    assert token not in str(jobs)


def test_a_link_that_is_refused_for_good_stays_nowhere(forum: Forum, service: Service, told: Told) -> None:
    told.answers = [Response(status=410)]
    forum.posted(WORDS)
    settle(service)
    with writing(service.db) as conn:
        send_private_link(service, conn, hub(service), conn.scalar(sa.select(authors.c.id)) or 0)
    settle(service)
    assert status_of(service) == ["failed"]
    with reading(service.db) as conn:
        assert conn.scalar(sa.select(write_backs.c.sealed)) is None


def test_a_member_who_left_gets_no_link(forum: Forum, service: Service, told: Told) -> None:
    forum.posted(WORDS)
    forum.tell("member.deleted", at=minute(9), author={"id": "a1"})
    settle(service)
    with writing(service.db) as conn:
        assert not send_private_link(service, conn, hub(service), conn.scalar(sa.select(authors.c.id)) or 0)


def test_a_whole_day_by_the_real_engine(forum: Forum, service: Service, told: Told, worker: Callable[[], None]) -> None:
    for number in range(5):
        forum.posted(WORDS, str(number))
    worker()
    with reading(service.db) as conn:
        ids = list(conn.scalars(sa.select(comments.c.id)))
    for id_ in ids:
        with writing(service.db) as conn:
            contributors.choose_roles(service, conn, hub(service), id_, {"carer": True}, datetime.now(UTC))
            contributors.answer(service, conn, hub(service), id_, {"show_tag": True}, datetime.now(UTC))
    worker()
    assert told.types == ["tag.set"] * 5
    assert set(status_of(service)) == {"done"}


def test_an_hour_of_a_forum_that_takes_nothing_loses_none_of_twenty(forum: Forum, service: Service, told: Told) -> None:
    clock, many = Clock(), 20
    patient = replace(service, jobs=clock, pace=Pace(60_000))  # type: ignore[arg-type]
    for number in range(many):
        forum.posted(WORDS, str(number))
    settle(service)
    with reading(service.db) as conn:
        ids = list(conn.scalars(sa.select(comments.c.id)))
    with writing(service.db) as conn:
        for id_ in ids:
            contributors.choose_roles(patient, conn, hub(service), id_, {"carer": True}, datetime.now(UTC))
            contributors.answer(patient, conn, hub(service), id_, {"show_tag": True}, datetime.now(UTC))
    told.answers = [Response(status=503)] * 10_000
    clock.run(patient, until=60 * 60)
    asked = len(told.messages)
    assert many * 4 <= asked <= many * 5
    told.answers = []
    clock.run(patient)
    assert clock.dead == []
    assert set(status_of(service)) == {"done"}
    # Each is taken once, as the same message that was tried before.
    assert len(told.messages) - asked == many
    assert len(set(told.ids)) == many


def test_the_forum_counts_no_more_than_the_pace(forum: Forum, service: Service, told: Told) -> None:
    if not is_sqlite(service.db):
        pytest.skip("the pace is kept outside the database: once is enough")
    for number in range(7):
        forum.posted(WORDS, str(number))
    settle(service)
    with reading(service.db) as conn:
        ids = list(conn.scalars(sa.select(comments.c.id)))
    for id_ in ids:
        with writing(service.db) as conn:
            contributors.choose_roles(service, conn, hub(service), id_, {"carer": True}, datetime.now(UTC))
            contributors.answer(service, conn, hub(service), id_, {"show_tag": True}, datetime.now(UTC))
    for subject in due(service):
        write_back(service, subject)
    assert len(told.times) == 7
    # Five in any six seconds are fifty in any minute.
    assert max(sum(0 <= later - first < 6 for later in told.times) for first in told.times) == 5


def test_the_log_says_what_happened_and_nothing_else(
    forum: Forum, service: Service, told: Told, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    told.answers = [Response("secret words of theirs", status=500)]
    forum.posted(WORDS)
    settle(service)
    with writing(service.db) as conn:
        send_private_link(service, conn, hub(service), conn.scalar(sa.select(authors.c.id)) or 0)
    with pytest.raises(Again):
        settle(service)
    settle(service)
    said = "".join(capsys.readouterr()) + caplog.text
    assert "writeback.done" in said
    assert not re.search(r"secret words|/mine/|whsec_|localhost:\d+/told|tablets", said)


def test_an_operator_sees_why_it_stopped_and_goes_on(
    forum: Forum, service: Service, told: Told, environ: dict[str, str], httpserver: HTTPServer
) -> None:
    told.answers = [Response(status=403)]
    forum.posted(WORDS)
    settle(service)
    with writing(service.db) as conn:
        send_private_link(service, conn, hub(service), conn.scalar(sa.select(authors.c.id)) or 0)
    settle(service)
    shown = command(environ, "community", "show", "hub")
    assert "stopped" in shown
    assert "the forum answered 403" in shown
    assert re.search(r"^told +1 held$", shown, re.M)
    command(environ, "community", "set", "hub", "--write-back", httpserver.url_for("/told"))
    settle(service)
    shown = command(environ, "community", "show", "hub")
    assert "stopped" not in shown
    assert re.search(r"^told +1 done$", shown, re.M)
    assert told.types == ["private_link.put", "private_link.put"]
    # The first may have been seen by whoever refused it, and may be over by now.
    assert told.messages[0]["data"] != told.messages[1]["data"]


def test_a_private_host_is_kept_and_may_be_let_go_of(service: Service, told: Told, environ: dict[str, str]) -> None:
    command(environ, "community", "set", "hub", "--private-host", "forum.internal")
    assert hub(service).private_host == "forum.internal"
    command(environ, "community", "set", "hub", "--write-back", "http://forum.internal/told")
    command(environ, "community", "set", "hub", "--private-host", "")
    assert hub(service).private_host is None


def test_the_command_sends_a_link_and_prints_none(
    forum: Forum, service: Service, told: Told, environ: dict[str, str]
) -> None:
    forum.posted(WORDS)
    settle(service)
    said = command(environ, "member", "link", "hub", "a1")
    assert said == "The link is put up for sending to their inbox on the forum.\n"
    settle(service)
    assert told.types == ["private_link.put"]
    assert "never heard of" in command(environ, "member", "link", "hub", "nobody", fails=True)


def command(environ: dict[str, str], *words: str, fails: bool = False) -> str:
    """Run a command with the settings of the test, and return what it printed."""
    result = CliRunner().invoke(main, words, env=environ)
    assert (result.exit_code != 0) == fails, result.output
    return result.output


def test_the_practice_forum_shows_what_it_was_told(
    service: Service, client: FlaskClient, live_url: str, worker: Callable[[], None], tmp_path: Path
) -> None:
    settings = settings_from({"MANYVOICES_DATA_DIR": str(tmp_path), "MANYVOICES_PUBLIC_URL": live_url})
    prepared_practice(settings, service.db, with_link=False)
    # What it is told has to be signed by the keys of the service that is under test.
    with writing(service.db) as conn:
        community = community_by_slug(conn, "practice")
        assert community is not None
        retire_secrets(conn, community.id, except_newest=False, at=datetime.now(UTC))
        add_secret(conn, service.vault, community.id, SECRET)
    client.post("/practice/posts", data={"as": "maureen", "text": WORDS})
    worker()
    with writing(service.db) as conn:
        id_, author_id = conn.execute(sa.select(comments.c.id, comments.c.author_id)).one()
        contributors.choose_roles(service, conn, community, id_, {"carer": True}, datetime.now(UTC))
        contributors.answer(service, conn, community, id_, {"show_tag": True}, datetime.now(UTC))
        put_staff_note(service, conn, community, 1, "1 person has spoken.", f"{live_url}/moderators/")
        send_private_link(service, conn, community, author_id)
    assert "Speaks as" not in client.get("/practice/").text
    worker()
    hers = client.get("/practice/?as=maureen").text
    assert "Speaks as: Carer" in hers
    assert "1 person has spoken." in hers
    assert "You have a message: your private page" in hers
    assert "You have a message" not in client.get("/practice/?as=tom").text
    link = re.search(r'href="[^"]*(/members/practice/mine/[^"]+)"', hers)
    assert link is not None
    assert client.get(link[1]).status_code == 200
    with writing(service.db) as conn:
        contributors.answer(service, conn, community, id_, {"show_tag": False}, datetime.now(UTC))
    worker()
    assert "Speaks as" not in client.get("/practice/").text


def test_the_practice_forum_believes_nobody_else(client: FlaskClient, service: Service) -> None:
    body = {"type": "private_link.put", "timestamp": minute(1), "data": {"author": {"id": "maureen"}, "url": "x"}}
    assert client.post("/practice/write-backs", json=body).status_code == 401
    assert "You have a message" not in client.get("/practice/?as=maureen").text
