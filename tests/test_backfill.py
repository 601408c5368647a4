"""A whole forum is read back, and killed twice on the way: what we hold is what it shows, and nobody hears of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from fake_discourse import ACCOUNT, KEY, FakeDiscourse, running
from flask.testing import FlaskClient

from mail_server import Inbox
from plugin.backfilling import CannotRead, read_back
from plugin.service import Service
from plugin.store.communities import Community, change_community
from plugin.store.connections import save_connection
from plugin.store.opening import reading, writing
from plugin.store.staff import StaffRole
from plugin.store.tables import backfills, comments, events, outbox, write_backs
from webhooks.cli import main

ONLY_ON = "sqlite"

COMMENTS = 150
PEOPLE = 10
ON_A_PAGE = 15
SHARED = "I am a patient. My discharge letter left off the blood thinner and nobody noticed for {} days."
URGENT = "My mum is on the ward now, she cannot breathe and nobody is coming. Help us now."


class Owner:
    """Runs `manyvoices backfill` as its owner would, and pulls the plug."""

    def __init__(self, forum: FakeDiscourse, environ: dict[str, str], folder: Path) -> None:
        self.forum, self.folder = forum, folder
        self.environ = {
            **os.environ,
            **environ,
        }

    def run(self, *more: str) -> tuple[int, str, str]:
        process = self._start(*more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.strip(), err.strip()

    def run_and_kill(self, calls: int) -> None:
        """Kill it while the forum still thinks about this one of its calls."""
        process = self._start()
        self.forum.watched = (len(self.forum.calls) + calls, lambda: os.killpg(process.pid, signal.SIGKILL))
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL

    def _start(self, *more: str) -> subprocess.Popen[str]:
        code = "from webhooks.cli import main; main()"
        command = [sys.executable, "-W", "error", "-c", code, "backfill", "hub", *more]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.environ, cwd=self.folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )


@pytest.fixture
def forum(service: Service, community: Community) -> Iterator[FakeDiscourse]:
    """Yield a forum that people have written in for long, attached just now."""
    with running(FakeDiscourse(hooks=False)) as forum:
        page = 0
        for number in range(COMMENTS):
            if number % ON_A_PAGE == 0:
                page = forum.topic(f"Page {number}")
            name = forum.join(f"member{number % PEOPLE}", "Patient" if number % 3 else None)
            forum.post(page, URGENT if number == 5 else SHARED.format(number), name)
        keys = {"api_key": KEY, "path_token": "unused"}
        settings = {
            "account": ACCOUNT,
            "categories": "5",
            "role_fields": "1",
            "topic_tags": "yes",
            "per_minute": "6000",
        }
        with writing(service.db) as conn:
            change_community(conn, community.id, platform="discourse", private_host="127.0.0.1")
            save_connection(conn, service.vault, community.id, api_url=forum.url, keys=keys, settings=settings)
        yield forum


def test_a_whole_forum_is_read_back_and_nobody_hears_of_it(
    forum: FakeDiscourse,
    service: Service,
    environ: dict[str, str],
    inbox: Inbox,
    worker: Callable[..., None],
    sign_in: Callable[[StaffRole], FlaskClient],
    tmp_path: Path,
) -> None:
    owner = Owner(forum, environ, tmp_path)
    for calls in (18, 16):
        owner.run_and_kill(calls)
    with reading(service.db) as conn:
        half = conn.execute(sa.select(backfills)).one()
    assert 0 < half.read < COMMENTS
    assert owner.run() == (0, f"Read {len(forum.posts):,} contributions of The hub: {COMMENTS} were new to us.", "")
    worker(120)
    with reading(service.db) as conn:
        rows = conn.execute(sa.select(comments)).all()
        told = conn.scalar(sa.select(sa.func.count()).select_from(events))
        gone_out = [conn.scalar(sa.select(sa.func.count()).select_from(table)) for table in (outbox, write_backs)]
    assert {row.native_id: row.text for row in rows} == forum.shown()
    assert (len(rows), told, {row.source for row in rows}) == (COMMENTS, COMMENTS, {"backfill"})
    assert (gone_out, inbox.mails) == ([0, 0], [])
    # The past is there to be read: on the moderators' page, and under a heading of its own on the desk.
    assert "10 comments" not in sign_in("moderator").get("/moderators/").text
    desk = sign_in("editor")
    assert "blood thinner" not in desk.get("/desk/").text
    assert "blood thinner" in desk.get("/desk/?history=yes").text
    # Once more reads what is new, and a comment that was read then is not told twice.
    today = datetime.now(UTC).isoformat()
    forum.post(forum.topic("A page of today"), "Words of today.", "member1", created_at=today, updated_at=today)
    out = owner.run()[1]
    assert (" of The hub since " in out, out.endswith(": 1 were new to us.")) == (True, True)


def test_a_refusal_ends_it_with_a_sentence_and_one_call(
    forum: FakeDiscourse, environ: dict[str, str], service: Service, community: Community, tmp_path: Path
) -> None:
    forum.key = "another"
    code, out, err = Owner(forum, environ, tmp_path).run()
    assert (code, out, len(forum.calls)) == (1, "", 1)
    assert err.splitlines()[-1] == "Error: the forum answered 403. Look with: manyvoices doctor hub"
    with pytest.raises(CannotRead, match="not connected, or refused us"):
        next(read_back(service, community.id))
    assert len(forum.calls) == 1


def test_a_forum_that_is_away_for_a_while_is_waited_for(
    forum: FakeDiscourse, service: Service, community: Community, environ: dict[str, str]
) -> None:
    def asked_since(day: str) -> str:
        return CliRunner().invoke(main, ["backfill", "hub", "--since", day], env=environ).output

    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        forum.is_down = len(waits) < 3

    forum.is_down = True
    assert list(read_back(service, community.id, pause=pause))[-1].found == COMMENTS
    assert waits == [5, 15, 60]
    assert "with --again what is older too" in asked_since("2020-01-01")
    forum.is_down = True
    with pytest.raises(CannotRead, match="the forum answered 503"):
        list(read_back(service, community.id, again=True, pause=waits.append))
    assert sum(waits[3:]) >= 60 * 60
    assert "A reading from the start is not finished: without --since it goes on" in asked_since("2020-01-01")
