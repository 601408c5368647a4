"""Send what waits in the queue: oldest first, one at a time, from a thread of its own or from a command."""

import hashlib
import logging
import os
import random
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import requests
import sqlalchemy as sa
from flask import Flask
from flaskbb.extensions import db

from manyvoices_flaskbb.settings import NAME, Settings
from manyvoices_flaskbb.signing import headers_for
from manyvoices_flaskbb.tables import queue, state
from manyvoices_flaskbb.telling import Overtaken, chunks_of_everything, tell

log = logging.getLogger(__name__)
# Seconds: to connect, and between two pieces of an answer of which we read nothing but the status.
PATIENCE = (5, 15)
# Longer than one delivery can take, or two of us would be at it.
LEASE = 45
# How often the queue is looked at where nobody woke us: another process may have put something there.
IDLE = 5
LONGEST_WAIT = 3600
# The body is at fault, and would be at fault again. All else may mend: a secret, a clock, a server.
FINAL = (400, 413, 415, 422)


class Sender:
    """Sends for one forum. Several processes may each have one: a lease in the database lets one at a time through."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.name = _own_name()
        self._awake = threading.Event()
        self._sweep_wanted = False
        self._pid = 0
        self._next_at = 0.0

    def start(self) -> None:
        """Start the thread, once in each process: a server that forks leaves its threads behind."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        self.name = _own_name()
        threading.Thread(target=self._run, name=NAME, daemon=True).start()

    def wake(self) -> None:
        """Say that something was queued."""
        self._awake.set()

    def sweep_soon(self) -> None:
        """Ask for a comparison of the whole forum, as soon as can be."""
        self._sweep_wanted = True
        self._awake.set()

    def _run(self) -> None:
        while True:
            try:
                wait = self.turn()
            except Exception as error:
                # A database that is locked or gone, most likely. The queue is in it, so nothing is lost by waiting.
                log.error("Many Voices: the sender rests after %s", type(error).__name__)
                wait = IDLE
            self._awake.wait(wait)
            self._awake.clear()

    def turn(self) -> float:
        """Compare if it is time, send what is due, and return how many seconds to rest if nobody calls."""
        with self.app.app_context():
            found: Settings | None = self.app.extensions[NAME]
            if found is None:
                return IDLE
            if self._sweep_wanted or self._may("sweep", found.sweep):
                self._sweep_wanted = False
                sweep(found)
            return self.send_due(found)

    def send_due(self, found: Settings) -> float:
        """Send until the queue is empty or the door is shut; return the seconds until the next try."""
        with requests.Session() as session:
            session.trust_env = False
            while True:
                # One at a time, looked up anew: its author may just have taken it back.
                with db.engine.connect() as conn:
                    oldest = sa.select(queue).where(queue.c.refused.is_(None)).order_by(queue.c.id).limit(1)
                    row = conn.execute(oldest).first()
                if row is None:
                    return IDLE
                # Whatever waits, waits behind the oldest: so the news of one comment stay in order.
                if row.not_before > time.time():
                    return min(IDLE, row.not_before - time.time())
                if not self._may("sender", LEASE):
                    return IDLE
                self._send(session, found, row)
                self._pace(found.most_a_second)

    def _send(self, session: requests.Session, found: Settings, row: Any) -> None:
        """Send one delivery, and let go of it once it has arrived."""
        body = row.body.encode()
        status, retry_after = 0, 0.0
        with (
            suppress(requests.RequestException),
            session.post(
                found.door,
                data=body,
                headers=headers_for(found.keys[0], row.delivery, int(time.time()), body),
                timeout=PATIENCE,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            status, retry_after = answer.status_code, _retry_after(answer)
        with db.engine.begin() as conn:
            this = queue.c.delivery == row.delivery
            if 200 <= status < 300:
                conn.execute(sa.delete(queue).where(this))
                return
            if status in FINAL:
                log.error("Many Voices refused %s (%s) with %s", row.type, row.delivery, status)
                conn.execute(sa.update(queue).where(this).values(refused=status, body=""))
                return
            wait = found.retry[min(row.tries, len(found.retry) - 1)]
            wait = max(wait * random.uniform(0.8, 1.2), retry_after)  # noqa: S311 - chance against crowds
            conn.execute(sa.update(queue).where(this).values(tries=row.tries + 1, not_before=time.time() + wait))
        log.warning(
            "Many Voices did not take %s (%s): %s; again in %.0f s", row.type, row.delivery, status or "no answer", wait
        )

    def _may(self, what: str, seconds: float) -> bool:
        """Return whether it is ours to do, for so many seconds; nobody else has it meanwhile."""
        now = time.time()
        with db.engine.connect() as conn:
            # A look costs less than a write, and nearly every look finds nothing to do.
            held = conn.execute(sa.select(state.c.value, state.c.until).where(state.c.name == what)).one()
            is_ours = what == "sender" and held.value == self.name
            if is_ours and held.until - now > seconds / 2:
                return True
            if held.until >= now and not is_ours and not (what == "sender" and _is_dead(held.value)):
                return False
            conn.rollback()
            unchanged = (state.c.name == what, state.c.value == held.value, state.c.until == held.until)
            taken = conn.execute(sa.update(state).where(*unchanged).values(value=self.name, until=now + seconds))
            conn.commit()
        return taken.rowcount == 1

    def _pace(self, most_a_second: float) -> None:
        now = time.monotonic()
        if now < self._next_at:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + 1 / most_a_second


def sweep(found: Settings) -> int:
    """Compare the whole forum with what was told, queue what differs, and return how much that was."""
    count = 0
    with db.engine.connect() as reading:
        for touched in chunks_of_everything(reading):
            try:
                with db.engine.begin() as conn:
                    count += tell(conn, found, touched, is_live=False)
            except (Overtaken, sa.exc.IntegrityError):
                log.info("Many Voices: a request was faster than the sweep; the next one looks again")
    return count


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]


def _own_name() -> str:
    return f"{_machine()}:{os.getpid()}:{random.getrandbits(32):08x}"


def _is_dead(name: str) -> bool:
    """Return whether the holder of a lease was a process of this machine that is gone: nobody need wait for it."""
    machine, _, rest = name.partition(":")
    pid = rest.partition(":")[0]
    if os.name != "posix" or machine != _machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _retry_after(answer: requests.Response) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_WAIT) if asked.isascii() and asked.isdigit() else 0.0
