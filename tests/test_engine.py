"""The job engine does each job once, tries again later, and takes up what a dead worker left."""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from plugin import engine
from plugin.engine import Again, Job
from plugin.service import Service
from plugin.store.opening import is_sqlite, writing


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def work(service: Service, done: list[str]) -> Iterator[Callable[[Job], None]]:
    """Start the engine with one kind of job."""

    def start(job: Job) -> None:
        engine.start(service, {"handle_event": job}, poll=0.02)

    yield start
    engine.stop(patience=0)


def enqueue(service: Service, subject: str) -> None:
    with writing(service.db) as conn:
        service.jobs.enqueue(conn, "handle_event", subject, queue="ingest")


def settle(service: Service) -> None:
    deadline = time.monotonic() + 20
    while engine.pending_jobs(service.db):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_enqueued_twice_is_done_once(service: Service, done: list[str], work: Callable[[Job], None]) -> None:
    work(Job("ingest", lambda _service, subject: done.append(subject), (), lambda *_: None))
    for _ in range(3):
        enqueue(service, "one")
    settle(service)
    assert done == ["one"]


def test_a_job_in_a_transaction_that_fails_is_never_done(
    service: Service, done: list[str], work: Callable[[Job], None]
) -> None:
    work(Job("ingest", lambda _service, subject: done.append(subject), (), lambda *_: None))
    with suppress(RuntimeError), writing(service.db) as conn:
        service.jobs.enqueue(conn, "handle_event", "lost", queue="ingest")
        raise RuntimeError
    enqueue(service, "kept")
    settle(service)
    assert done == ["kept"]


def test_a_job_that_cannot_be_done_now_is_tried_again_and_then_given_up(
    service: Service, done: list[str], work: Callable[[Job], None]
) -> None:
    given_up: list[str] = []

    def never(_service: Service, subject: str) -> None:
        done.append(subject)
        raise Again("not now")

    work(Job("ingest", never, (0.1, 0.1), lambda _service, subject: given_up.append(subject)))  # type: ignore[arg-type]
    enqueue(service, "stubborn")
    settle(service)
    assert (done, given_up) == (["stubborn"] * 3, ["stubborn"])


def test_a_peer_takes_up_what_a_killed_worker_left(
    service: Service, done: list[str], work: Callable[[Job], None]
) -> None:
    if is_sqlite(service.db):
        pytest.skip("SQLite has one process: what it left is taken up when it starts again")
    enqueue(service, "unfinished")
    url = service.db.url.render_as_string(hide_password=False)
    dying = textwrap.dedent(f"""
        import os, signal, types
        from plugin import engine
        from plugin.store.opening import open_database
        db = open_database({url!r})
        service = types.SimpleNamespace(db=db, jobs=engine.Jobs(db))
        die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        engine.start(service, {{"handle_event": engine.Job("ingest", die, (), die)}}, worker="doomed", poll=0.02)
        signal.pause()
    """)
    assert subprocess.run([sys.executable, "-c", dying], check=False, timeout=30).returncode == -9
    work(Job("ingest", lambda _service, subject: done.append(subject), (), lambda *_: None))
    settle(service)
    assert done == ["unfinished"]


def test_two_workers_may_not_share_a_name(service: Service, work: Callable[[Job], None]) -> None:
    if is_sqlite(service.db):
        pytest.skip("SQLite has one process")
    other = engine._PeerWatch()
    other.start(service.db, "local")
    with pytest.raises(engine.NameTaken, match="MANYVOICES_WORKER_NAME"):
        work(Job("ingest", lambda *_: None, (), lambda *_: None))
    other.stop()


def test_a_chore_is_done_by_the_clock_and_a_failing_one_leaves_the_clock_running(service: Service) -> None:
    rung = threading.Semaphore(0)

    def ring(_service: Service, at: datetime) -> None:
        assert at.tzinfo is not None
        rung.release()

    def fail(_service: Service, _at: datetime) -> None:
        rung.release()
        raise ValueError("nobody's words")

    every_second = "* * * * * *"
    chores = {"ring": engine.Chore(every_second, ring), "fail": engine.Chore(every_second, fail)}
    engine.start(service, {}, chores, poll=0.02)
    try:
        assert all(rung.acquire(timeout=10) for _ in range(4))
    finally:
        engine.stop(patience=0)


def test_finished_jobs_are_forgotten_in_time(service: Service, worker: Callable[[], None]) -> None:
    with writing(service.db) as conn:
        service.jobs.enqueue(conn, "handle_event", "nobody heard of", queue="ingest")
    worker()
    assert service.jobs.forget_finished(datetime.now(UTC) - timedelta(days=1)) == 0
    assert service.jobs.forget_finished(datetime.now(UTC) + timedelta(minutes=1)) == 1
