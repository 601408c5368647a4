"""Whatever a mail server does, in whichever phase: nothing is lost, and nothing goes twice but under the same id."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, syntax
from clock import Clock

from mail_server import free_port
from plugin.channels import email
from plugin.delivery import try_again
from plugin.events import CommentPosted
from plugin.handlers import Telling, take_comment
from plugin.jobs import JOBS
from plugin.model import Author, Comment, Discussion
from plugin.service import Service
from plugin.store.communities import add_community, community_by_slug
from plugin.store.desk_letters import set_wish
from plugin.store.opening import open_database, reading, writing
from plugin.store.outbox import failed_mails, waiting_mail
from plugin.store.staff import add_staff, remove_staff
from plugin.store.tables import outbox
from webhooks.app import service_on
from webhooks.settings import settings_from

ONLY_ON = "sqlite"

PHASES = ("connect", "MAIL", "RCPT", "DATA")
# What the server does, and whether that is the end of it. `drop` hangs up, `hang` never answers, `garbage` is no
# answer at all, `late` does what was asked and says so when the client has left, `drip` says a letter now and then.
MODES = {
    "421": False,
    "450": False,
    "451": False,
    "452": False,
    "550": True,
    "552": True,
    "553": True,
    "554": True,
    "drop": False,
    "hang": False,
    "garbage": False,
    "late": False,
    "drip": False,
}
# Seconds of the tests: what a client waits, and how much later a late answer comes.
PATIENCE = 0.4
LONGEST = 1.2
LATE = 0.6
# Where nobody has to wait for the server, a busy machine gets the time that it needs.
ENOUGH = 10.0
SLOW = ("hang", "late", "drip")
# The server is well again after this many bad turns.
BAD_TURNS = 1
DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
NUMBERS = itertools.count(1)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass
class Server:
    """A mail server that is in a bad mood for a while, for one phase and perhaps for one recipient only."""

    phase: str = ""
    mode: str = ""
    only: str = ""
    turns: int = 0
    tries: int = 0
    port: int = 0
    taken: list[tuple[str, str]] = field(default_factory=list)

    async def bad(self, smtp: SMTP, phase: str, envelope: Envelope | None = None) -> bool:
        """Do what the mood says, and return whether that was all; what comes `late` is done first."""
        if phase == PHASES[0]:
            self.tries += 1
        if phase != self.phase or self.turns <= 0:
            return False
        self.turns -= 1
        if not self.turns:
            # Well from the next try on, and given its time then: the client of this one has set its clocks already.
            email.PATIENCE, email.LONGEST = ENOUGH, 10 * ENOUGH
        if self.mode == "late" and envelope:
            self.keep(envelope)
        if self.mode in ("hang", "late"):
            await asyncio.sleep(LATE)
        while self.mode == "drip" and not smtp.transport.is_closing():
            smtp.transport.write(b"2")
            await asyncio.sleep(PATIENCE / 3)
        if self.mode in ("drop", "hang", "drip"):
            smtp.transport.abort()
        elif self.mode == "garbage":
            await smtp.push("?? not an answer")
        else:
            await smtp.push("250 OK" if self.mode == "late" else f"{self.mode} in a mood")
        return self.mode != "late" or envelope is not None

    def keep(self, envelope: Envelope) -> None:
        message = message_from_bytes(envelope.content)  # type: ignore[arg-type]
        self.taken += [(to, message["Message-ID"]) for to in envelope.rcpt_tos]

    async def handle_DATA(self, smtp: SMTP, _session: Any, envelope: Envelope) -> str | None:  # noqa: N802 - aiosmtpd's name
        if await self.bad(smtp, "DATA", envelope):
            return None
        self.keep(envelope)
        return "250 OK"


class Moody(SMTP):
    """Asks its server for the mood in each phase."""

    greeted = False

    def eof_received(self) -> bool | None:
        super().eof_received()
        # Whoever has left is gone: the transport is closed.
        return False

    async def push(self, status: Any) -> None:
        if not self.greeted:
            self.greeted = True
            if await self.event_handler.bad(self, "connect"):
                return
        if status is not None:
            await super().push(status)

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        if not await self.event_handler.bad(self, "MAIL"):
            await super().smtp_MAIL(arg)

    @syntax("QUIT")
    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        if not await self.event_handler.bad(self, "QUIT"):
            await super().smtp_QUIT(arg)

    @syntax("RCPT TO: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        theirs = self.event_handler.only in (arg or "")
        if not (theirs and await self.event_handler.bad(self, "RCPT")):
            await super().smtp_RCPT(arg)


class Moods(Controller):
    """Serves moody sessions."""

    def factory(self) -> SMTP:
        return Moody(self.handler, hostname="mail.example.org")


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    server.port = free_port()
    controller = Moods(server, hostname="127.0.0.1", port=server.port, ready_timeout=5)
    controller.start()
    try:
        yield server
    finally:
        # The last late answer is still to come.
        time.sleep(LATE)
        controller.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Server()) as server:
        yield server


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Service]:
    """Yield a service with one community, whose insights go to the server at once."""
    folder = tmp_path_factory.mktemp("faults")
    copy(sqlite_template, folder / "manyvoices.sqlite")
    environ = {
        "MANYVOICES_DATABASE_URL": f"sqlite:///{folder / 'manyvoices.sqlite'}",
        "MANYVOICES_DATA_DIR": str(folder / "var"),
        "MANYVOICES_SECRET_KEY": "a secret key for tests, forty characters!",
        "MANYVOICES_SMTP_HOST": "127.0.0.1",
        "MANYVOICES_SMTP_PORT": str(server.port),
        "MANYVOICES_SMTP_SECURITY": "none",
        "MANYVOICES_MAIL_FROM": "manyvoices@hub.example.org",
    }
    db = open_database(environ["MANYVOICES_DATABASE_URL"])
    service = service_on(db, settings_from(environ))
    with writing(db) as conn:
        add_community(
            conn,
            slug="hub",
            platform="standard",
            name="The hub",
            base_url="https://hub.example.org",
            sign_up_url="https://hub.example.org/register/",
            sign_in_url="https://hub.example.org/login/",
            editorial_address="editors@hub.example.org",
            moderators_address="moderators@hub.example.org",
            wait_minutes=0,
        )
    yield service
    service.jobs.close()
    db.dispose()


def posted(stage: Service, clock: Clock) -> Service:
    """Let a comment come in that shares an insight, and return the service whose queue is the clock's."""
    service = replace(stage, jobs=clock)  # type: ignore[arg-type]
    with writing(service.db) as conn:
        community = community_by_slug(conn, "hub")
        assert community is not None
        number = str(next(NUMBERS))
        comment = Comment(number, NOW, NOW, DAD, "https://hub.example.org/falls#c")
        place = Discussion("d1", "Falls", "https://hub.example.org/falls")
        about = {"key": f"k{number}", "community": "hub", "occurred_at": NOW, "source": "webhook"}
        event = CommentPosted(comment=comment, discussion=place, author=Author(None, "guest"), **about)
        take_comment(Telling(service, conn, community, NOW), event)
    return service


def last_mail(service: Service) -> Any:
    with reading(service.db) as conn:
        return conn.execute(sa.select(outbox).order_by(outbox.c.id.desc()).limit(1)).one()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setattr(email, "PATIENCE", ENOUGH)
    monkeypatch.setattr(email, "LONGEST", 10 * ENOUGH)
    server.taken, server.tries, server.turns, server.only = [], 0, 0, ""


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_lost_and_nothing_goes_twice_but_in_the_declared_window(
    stage: Service, server: Server, mode: str, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode in SLOW:
        monkeypatch.setattr(email, "PATIENCE", PATIENCE)
    if mode == "drip":
        monkeypatch.setattr(email, "LONGEST", LONGEST)
    clock, permanent = Clock(), MODES[mode]
    server.phase, server.mode, server.turns = phase, mode, BAD_TURNS
    service = posted(stage, clock)
    clock.run(service)
    if permanent:
        # Once, and then a person decides: it is seen on the desk, and goes when they say so.
        failed = last_mail(service)
        assert (failed.status, failed.reason) == ("failed", f"the mail server answered {mode}")
        assert (server.tries, server.taken, clock.now) == (1, [], 0)
        server.turns = 0
        with writing(service.db) as conn:
            assert [one.mail.id for one in failed_mails(conn, [failed.community_id], limit=1)] == [failed.id]
            assert try_again(service, conn, waiting_mail(conn, failed.id), NOW)
            assert not try_again(service, conn, waiting_mail(conn, failed.id), NOW)
        clock.run(service)
    else:
        assert (server.tries, clock.now) == (BAD_TURNS + 1, sum(JOBS["send_mail"].delays[:BAD_TURNS]))
    sent = last_mail(service)
    assert sent.status == "sent"
    # Where the server took the words and its answer did not arrive, they come once more, as the very same mail.
    is_window = (mode, phase) == ("late", "DATA")
    copies = 1 + BAD_TURNS if is_window else 1
    assert server.taken == [("editors@hub.example.org", sent.message_id)] * copies
    if is_window:
        assert sent.may_be_double


def test_a_mail_that_is_never_taken_is_given_up_after_days_and_seen(stage: Service, server: Server) -> None:
    clock = Clock()
    server.phase, server.mode, server.turns = "RCPT", "451", 1000
    service = posted(stage, clock)
    clock.run(service)
    assert (last_mail(service).status, server.taken) == ("failed", [])
    assert clock.now > 4.5 * 24 * 60 * 60
    assert len(clock.dead) == 1


@pytest.mark.parametrize("goodbye", ["drop", "hang", "421"])
def test_a_mail_that_was_taken_stays_taken_whatever_the_goodbye(stage: Service, server: Server, goodbye: str) -> None:
    clock = Clock()
    server.phase, server.mode, server.turns = "QUIT", goodbye, BAD_TURNS
    service = posted(stage, clock)
    clock.run(service)
    assert (last_mail(service).status, len(server.taken), server.tries) == ("sent", 1, 1)


def test_a_server_without_the_encryption_that_was_asked_for_gets_no_word(stage: Service, server: Server) -> None:
    clock = Clock()
    post = replace(stage.post, security="starttls")
    service = posted(replace(stage, post=post), clock)
    clock.run(service, until=60 * 60)
    waiting = last_mail(service)
    assert (waiting.status, server.taken, server.tries) == ("waiting", [], 3)
    assert waiting.reason == "the mail server could not be reached (SMTPNotSupportedError)"


def test_where_one_recipient_is_refused_only_that_one_is_tried_again(stage: Service, server: Server) -> None:
    clock = Clock()
    with writing(stage.db) as conn:
        set_wish(conn, add_staff(conn, "ann@hub.example.org", "editor", None), "each", 8, NOW)
    server.phase, server.mode, server.turns, server.only = "RCPT", "450", BAD_TURNS, "ann@"
    service = posted(stage, clock)
    clock.run(service)
    assert [to for to, _ in server.taken] == ["editors@hub.example.org", "ann@hub.example.org"]
    assert server.tries == 1 + BAD_TURNS + 1
    with writing(stage.db) as conn:
        remove_staff(conn, "ann@hub.example.org")
