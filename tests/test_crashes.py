"""Nine times the whole server is killed under load: what it acknowledged is done, and no mail goes twice."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from forum import whole
from mail_server import Inbox, free_port
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import reading
from plugin.store.tables import events, outbox
from webhooks.signatures import PROFILES, headers_for

KILLS = 9
SHARED = "I am a patient. My discharge letter left off the blood thinner and nobody noticed for {} days."


class Server:
    """The real `manyvoices serve`, started and killed as an operator's machine might."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        port = str(free_port())
        self.environ = {**os.environ, **environ, "MANYVOICES_PORT": port}
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-W", "error", "-c", "from webhooks.cli import main; main()", "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + 30
        while not self.is_well():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def is_well(self) -> bool:
        with suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        return False

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=20)


class Load:
    """Posts comments as fast as it is answered, and writes down what was acknowledged."""

    def __init__(self, url: str, secret: bytes) -> None:
        self.url = url
        self.secret = secret
        self.acknowledged: set[str] = set()
        self._numbers = itertools.count()
        self._stopped = threading.Event()

    def run(self, deliveries: int) -> None:
        """Return once this many more were acknowledged; the posting goes on until `end`."""
        self._stopped.clear()
        enough = len(self.acknowledged) + deliveries
        threads = [threading.Thread(target=self._post) for _ in range(4)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while len(self.acknowledged) < enough:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def end(self) -> None:
        self._stopped.set()

    def _post(self) -> None:
        with requests.Session() as session:
            while not self._stopped.is_set():
                delivery = f"msg_{next(self._numbers)}"
                body = self._body(delivery)
                signed = headers_for(PROFILES["standard"], self.secret, delivery, int(time.time()), body)
                headers = {"Content-Type": "application/json", **signed}
                with suppress(requests.RequestException):
                    answer = session.post(f"{self.url}/webhooks/standard/hub", data=body, headers=headers, timeout=5)
                    if answer.status_code == 202:
                        self.acknowledged.add(delivery)

    def _body(self, delivery: str) -> bytes:
        number = int(delivery.partition("_")[2])
        # One in ten shares something; the rest is small talk, as on a forum.
        text = SHARED.format(number) if number % 10 == 0 else "Thank you for this."
        told = {"type": "comment.created", "timestamp": "2026-11-22T12:00:00Z", "data": whole(text, str(number))}
        return json.dumps(told).encode()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_acknowledged_survives_nine_kills(
    inbox: Inbox, service: Service, community: Community, secret: bytes, environ: dict[str, str], tmp_path: Path
) -> None:
    service.db.dispose()
    server = Server(environ, tmp_path / "server.log")
    load = Load(server.url, secret)
    for _ in range(KILLS):
        server.start()
        load.run(deliveries=15)
        server.kill()
        load.end()
    server.start()
    _wait_until_done(service)
    assert server.stop() == 0

    with reading(service.db) as conn:
        stored = {row.key.rpartition(":")[2]: row.status for row in conn.execute(sa.select(events))}
        doubtful = set(conn.scalars(sa.select(outbox.c.message_id).where(outbox.c.may_be_double)))
        sent = set(conn.scalars(sa.select(outbox.c.message_id).where(outbox.c.status == "sent")))
        assert conn.scalar(sa.text("PRAGMA integrity_check")) == "ok"
    assert len(load.acknowledged) >= 15 * KILLS
    assert load.acknowledged - stored.keys() == set()
    assert set(stored.values()) == {"done"}
    arrived = Counter(mail["Message-ID"] for mail in inbox.mails)
    assert set(arrived) == sent
    assert {message_id for message_id, times in arrived.items() if times > 1} <= doubtful
    assert "Traceback" not in server.log.read_text()


def _wait_until_done(service: Service) -> None:
    unfinished = sa.select(sa.func.count()).where(events.c.status == "received")
    unsent = sa.select(sa.func.count()).where(outbox.c.status.in_(("waiting", "sending")))
    deadline = time.monotonic() + 90
    while True:
        with reading(service.db) as conn:
            left = conn.execute(unfinished).scalar_one() + conn.execute(unsent).scalar_one()
        if not left:
            return
        assert time.monotonic() < deadline, f"{left} left"
        time.sleep(0.1)
