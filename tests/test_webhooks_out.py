"""Programs are told of insights by signed webhooks: with the words only where their author agreed, and called back."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask.testing import FlaskClient
from pytest_httpserver import HTTPServer
from standardwebhooks.webhooks import Webhook
from werkzeug import Request, Response

from forum import Forum, minute
from mail_server import Inbox
from plugin import desk, jobs, programs
from plugin.consent import newest_wording
from plugin.delivery import call_back, put_up
from plugin.desk import Actor
from plugin.outcomes import Step
from plugin.routing import Conditions, Rule, Target
from plugin.service import Service
from plugin.store.audit import entries
from plugin.store.communities import Community, change_community, community_by_id
from plugin.store.consents import give
from plugin.store.opening import reading, writing
from plugin.store.receivers import receivers_of
from plugin.store.routes import add_rule
from plugin.store.tables import outbox
from webhooks.cli import main

ONLY_ON = "sqlite"

DAD = (
    "I look after my father Tom Baker, 020 7946 0018. His evening tablets came late, so now we keep a chart by the bed."
)
NOTE = "Ring the ward before Friday."
DOCS = Path(__file__).parent.parent / "docs" / "webhooks-out.md"


class Program:
    """A program that checks what it is told with the library of Standard Webhooks."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.told: list[dict] = []
        self.ids: list[str] = []
        self.answers: list[int] = []

    def take(self, request: Request) -> Response:
        self.told.append(Webhook(self.secret).verify(request.get_data(as_text=True), dict(request.headers)))
        self.ids.append(request.headers["webhook-id"])
        return Response(status=self.answers.pop(0) if self.answers else 204)

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.told]


@pytest.fixture
def program(
    httpserver: HTTPServer,
    environ: dict[str, str],
    service: Service,
    community: Community,
    monkeypatch: pytest.MonkeyPatch,
) -> Program:
    url = httpserver.url_for("/insights")
    with writing(service.db) as conn:
        change_community(conn, community.id, private_host=urlsplit(url).hostname)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    added = CliRunner().invoke(main, ["receivers", "add", "hub", "Archive", url], catch_exceptions=False)
    secret = re.search(r"whsec_\S+", added.output)
    assert secret is not None
    assert secret[0] not in CliRunner().invoke(main, ["receivers", "list"], catch_exceptions=False).output
    found = Program(secret[0])
    httpserver.expect_request("/insights", method="POST").respond_with_handler(found.take)
    with writing(service.db) as conn:
        rule = Rule(0, "Carers to the archive", Conditions(type="carer"), Target("webhook", 1))
        add_rule(conn, community.id, rule, by="staff:1", at=datetime.now(UTC))
    return found


@pytest.fixture
def forum(inbox: Inbox, client: FlaskClient, program: Program, secret: bytes) -> Forum:
    return Forum(client, secret)


def agree(service: Service, community: Community, given: bool) -> None:
    with writing(service.db) as conn:
        give(conn, 1, "forward", given, newest_wording("forward").version, datetime.now(UTC))
        here = community_by_id(conn, community.id)
        assert here is not None
        put_up(service, conn, here, 1) if given else call_back(service, conn, [1])


def rows(service: Service) -> list[tuple[str, str, str | None]]:
    with reading(service.db) as conn:
        query = sa.select(outbox).where(outbox.c.channel == "webhook").order_by(outbox.c.id)
        return [(row.kind, row.status, row.reason) for row in conn.execute(query)]


def test_a_program_is_told_of_a_carer_s_insight_of_its_steps_and_that_it_was_taken_back(
    forum: Forum, program: Program, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    forum.posted(DAD, "1")
    forum.posted("I am a community nurse. We changed our handover: whoever visits next rings the family first.", "2")
    worker()
    with writing(service.db) as conn:
        desk.note(service, conn, 1, NOTE, Actor("staff:1", datetime.now(UTC)))
        desk.take(service, conn, 1, Step("in_review", datetime.now(UTC)), Actor("staff:1", datetime.now(UTC)))
    worker()
    new, step = program.told
    assert new["type"] == "insight.new"
    assert new["data"] == {
        "insight": {
            "id": 1,
            "kind": new["data"]["insight"]["kind"],
            "state": "new",
            "types": [{"type": "carer", "source": "text"}],
            "themes": new["data"]["insight"]["themes"],
            "url": f"{service.public_url}/desk/insights/1",
        },
        "discussion": {
            "title": "Patient safety and co-production",
            "url": "https://hub.example.org/blogs/co-production",
        },
        # The comment is public, and that is enough for the community's editors, but not for a program.
        "words": None,
        "no_words": "no_consent",
    }
    assert "medicines" in str(new["data"]["insight"]["themes"])
    assert (step["type"], step["data"]["insight"]["state"], "words" in step["data"]) == (
        "insight.step",
        "in_review",
        False,
    )
    forum.removed("1", at=minute(9))
    worker()
    recalled = program.told[2]
    assert (recalled["type"], recalled["data"]) == ("insight.recalled", {"insight": {"id": 1}})
    assert len(set(program.ids)) == 3
    said = str(program.told)
    for hidden in (NOTE, "Member 1", "Tom Baker", "chart by the bed"):
        assert hidden not in said


def test_with_consent_the_words_go_without_what_could_identify_somebody_and_come_back_with_it(
    forum: Forum, program: Program, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    with writing(service.db) as conn:
        change_community(conn, community.id, forwarding="ask")
    forum.posted(DAD, "1")
    worker()
    assert program.told == []
    agree(service, community, True)
    with writing(service.db) as conn:
        give(conn, 1, "details", True, newest_wording("details").version, datetime.now(UTC))
    worker()
    words = program.told[0]["data"]["words"]
    assert "a chart by the bed" in words
    assert "7946" not in words
    assert program.told[0]["data"]["no_words"] is None
    agree(service, community, False)
    worker()
    agree(service, community, True)
    worker()
    assert program.types == ["insight.new", "insight.recalled", "insight.new"]
    assert len(set(program.ids)) == 3


def test_what_a_program_does_not_take_comes_again_under_the_same_id_and_a_refusal_stops_it(
    forum: Forum,
    program: Program,
    service: Service,
    community: Community,
    worker: Callable[[], None],
    sign_in,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program.answers = [503, 204, 401]
    hasty = jobs.Job("webhooks", programs.send_webhook, (0, 0), programs.give_up)
    monkeypatch.setitem(jobs.JOBS, "send_webhook", hasty)
    forum.posted(DAD, "1")
    worker()
    assert len(program.told) == 2
    assert program.told[0] == program.told[1]
    assert len(set(program.ids)) == 1
    forum.posted(DAD + " Every evening.", "3")
    forum.posted(DAD + " Since May.", "4")
    worker()
    # The key is refused once: nothing more is sent until somebody has looked.
    assert len(program.told) == 3
    assert [status for _, status, _ in rows(service)] == ["sent", "failed", "failed"]
    admin = sign_in("admin")
    assert "the receiver Archive" in admin.get("/desk/mails").text
    page = admin.get("/desk/routes/hub").text
    assert "the receiver answered 401" in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf_token": token[1], "receiver": "1", "act": "resume"}
    assert admin.post("/desk/routes/hub/receivers", data=form).status_code == 303
    worker()
    assert [status for _, status, _ in rows(service)] == ["sent", "sent", "sent"]
    removed = CliRunner().invoke(main, ["receivers", "remove", "hub", "Archive"], catch_exceptions=False)
    assert "removed" in removed.output
    with reading(service.db) as conn:
        assert receivers_of(conn, [community.id]) == []
        told = [(one.act, one.by) for one in entries(conn, [community.id]) if one.subject == "receiver:1"]
    assert told == [
        ("receiver_removed", "operator"),
        ("receiver_resumed", told[1][1]),
        ("receiver_added", "operator"),
    ]
    assert CliRunner().invoke(main, ["audit", "check"], catch_exceptions=False).exit_code == 0


def test_what_may_have_arrived_is_called_back_when_its_author_says_no_meanwhile(
    forum: Forum, program: Program, service: Service, worker: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program.answers = [500]
    monkeypatch.setitem(
        jobs.JOBS, "send_webhook", jobs.Job("webhooks", programs.send_webhook, (1, 1), programs.give_up)
    )
    forum.posted(DAD, "1")
    deadline = time.monotonic() + 20
    while not program.told:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    forum.removed("1", at=minute(9))
    worker()
    assert program.types == ["insight.new", "insight.recalled"]
    assert rows(service)[0][:2] == ("insight.new", "withheld")


def test_the_page_for_programs_shows_every_event_and_every_field() -> None:
    page = DOCS.read_text()
    for word in ("insight.new", "insight.step", "insight.recalled", "no_words", "no_consent", "webhook-signature"):
        assert f"`{word}`" in page
