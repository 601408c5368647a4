"""The job engine. The only module that knows DBOS: the rest enqueues a job by name and subject.

A job carries ids only: DBOS stores inputs, outputs and errors. It may run twice after a crash, so each
does one thing that can be done again. docs: https://docs.dbos.dev/python/reference/client
"""

import logging
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions

from plugin.store.opening import is_sqlite, reading, writing

if TYPE_CHECKING:
    from plugin.service import Service

APPLICATION = "manyvoices"
# Bumped by hand when a job's shape changes. DBOS's default, a hash of the sources, would strand
# whatever is running at every deployment.
VERSION = "1"
# So many at a time, so that no transaction is long.
MOST_FORGOTTEN = 500

log = structlog.get_logger()


class Again(Exception):  # noqa: N818 - named for the fact
    """A job could not be done now and may work later, `after` so many seconds. Its message must hold no one's words."""

    def __init__(self, fact: str, *, after: float = 0) -> None:
        super().__init__(fact)
        self.after = after


class DeadLetter(Exception):  # noqa: N818 - named for the fact
    """A job was tried as often as it may be. It is listed and can be replayed."""


@dataclass(frozen=True, slots=True)
class Queue:
    """How many jobs of a kind run at once in one worker, and how often it looks for new ones (seconds).

    Where `in_lanes`, a subject begins with the name of its lane and a full stop, and of each lane one job runs at once
    on all workers together: a slow forum holds up nobody but itself.
    """

    at_once: int
    poll: float
    in_lanes: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of work.

    `run(service, subject)` does it, or raises; `delays` are the seconds before the second, third, …
    try; `give_up(service, subject)` records that the last one failed.
    """

    queue: str
    run: Callable[["Service", str], None]
    delays: tuple[int, ...]
    give_up: Callable[["Service", str], None]


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that is done by the clock: when, as a cron line in UTC, and `run(service, at)`. May run twice."""

    cron: str
    run: Callable[["Service", datetime], None]


class Jobs:
    """Enqueues jobs inside the caller's transaction, so that a fact and its job are stored together."""

    def __init__(self, db: sa.Engine) -> None:
        self._client = DBOSClient(
            system_database_engine=db, application_name=APPLICATION, serializer=DBOSPortableJSONSerializer(), lazy=True
        )

    def enqueue(
        self, conn: sa.Connection, job: str, subject: str, *, queue: str, attempt: int = 1, delay: float = 0
    ) -> None:
        """Enqueue a job to run `delay` seconds from now; the same job, subject and attempt is enqueued once."""
        options: EnqueueOptions = {
            "workflow_name": job,
            "queue_name": queue,
            "workflow_id": f"{job}:{subject}:{attempt}",
        }
        if delay:
            options["delay_seconds"] = delay
        if QUEUES[queue].in_lanes:
            options["queue_partition_key"] = subject.partition(".")[0]
        self._client.enqueue_in_transaction(conn, options, subject, attempt)

    def register_queues(self) -> None:
        """Write the queues down, so that they exist before the first worker starts."""
        for name, queue in QUEUES.items():
            self._client.register_queue(
                name,
                worker_concurrency=queue.at_once,
                partition_concurrency=1 if queue.in_lanes else None,
                polling_interval_sec=queue.poll,
            )

    def forget_finished(self, before: datetime) -> int:
        """Delete the jobs that ended well before a moment, and return how many; dead letters stay."""
        forgotten = 0
        while ids := [
            job.workflow_id
            for job in self._client.list_workflows(
                status=["SUCCESS", "CANCELLED"],
                completed_before=before.isoformat(),
                limit=MOST_FORGOTTEN,
                load_input=False,
                load_output=False,
            )
        ]:
            self._client.delete_workflows(ids)
            forgotten += len(ids)
        return forgotten

    def close(self) -> None:
        """Let go of what the client holds; the database engine stays the caller's."""
        self._client.destroy()


def migrate(db: sa.Engine) -> None:
    """Bring the engine's own tables up to date and write its queues down."""
    DBOS.migrate(db.url.render_as_string(hide_password=False))
    jobs = Jobs(db)
    jobs.register_queues()
    jobs.close()


def start(
    service: "Service",
    jobs: Mapping[str, Job],
    chores: Mapping[str, Chore] | None = None,
    *,
    worker: str = "local",
    poll: float | None = None,
) -> None:
    """Launch the worker in this process: it takes up what a dead one left and then what is enqueued.

    Args:
        service: what the jobs are given.
        jobs: the table of jobs by name.
        chores: what is done by the clock, by name; whoever of several workers is first does it.
        worker: this worker's own name, of which no two may share one. SQLite has one worker, always called the same,
            so that it takes up what it left when it was killed.
        poll: seconds between two looks at every queue, for tests.
    """
    config: DBOSConfig = {
        "name": APPLICATION,
        "application_version": VERSION,
        "executor_id": "local" if is_sqlite(service.db) else worker,
        "system_database_engine": service.db,
        "serializer": DBOSPortableJSONSerializer(),
        "run_migrations": False,
        "log_level": "ERROR",
        "console_log_level": "ERROR",
    }
    if poll is not None:
        config["notification_listener_polling_interval_sec"] = 0.01
    chores = chores or {}
    _current.update(service=service, jobs=jobs, chores=chores)
    for name in jobs:
        if name not in _registered:
            DBOS.workflow(name=name)(_workflow(name))
            _registered.add(name)
    for name in chores.keys() - _by_clock.keys():
        _by_clock[name] = DBOS.workflow(name=name)(_chore(name))
    _current["dbos"] = DBOS(config=config)
    logging.getLogger("dbos").addFilter(_not_said_yet)
    DBOS.launch()
    for name, queue in QUEUES.items():
        DBOS.register_queue(
            name,
            worker_concurrency=queue.at_once,
            partition_concurrency=1 if queue.in_lanes else None,
            # In a test nothing waits for the lanes and the history as it does for the rest.
            polling_interval_sec=(poll * 8 if queue.in_lanes or name == "history" else poll) if poll else queue.poll,
        )
    DBOS.apply_schedules(
        [
            {"schedule_name": name, "workflow_fn": _by_clock[name], "schedule": chore.cron, "context": None}
            for name, chore in chores.items()
        ]
    )
    if not is_sqlite(service.db):
        _watch.start(service.db, worker)


def stop(patience: int = 5) -> None:
    """Stop taking jobs and wait `patience` seconds for the running ones; what is left is taken up at the next start."""
    _watch.stop()
    threads = _current["dbos"]._executor_field if _current else None
    DBOS.destroy(workflow_completion_timeout_sec=patience)
    # DBOS lets go of its threads; a job that is still at work uses the caller's database.
    if threads:
        threads.shutdown(wait=True)
    _current.clear()


def _workflow(name: str) -> Callable[[str, int], str]:
    def run(subject: str, attempt: int) -> str:
        return _attempt(_current["service"], _current["jobs"][name], name, subject, attempt)

    # DBOS tells workflows apart by this name as well as by the registered one.
    run.__qualname__ = run.__name__ = f"run_{name}"
    return run


def _chore(name: str) -> Callable[[Any, Any], str]:
    def run(_planned: Any, _context: Any) -> str:
        try:
            _current["chores"][name].run(_current["service"], datetime.now(UTC))
        except Exception as error:
            # As with a job: only the kind of error is written down. The clock comes round again.
            log.warning("chore.failed", chore=name, error=type(error).__name__)
            return "failed"
        return "done"

    run.__qualname__ = run.__name__ = f"run_{name}"
    return run


def _attempt(service: "Service", job: Job, name: str, subject: str, attempt: int) -> str:
    try:
        job.run(service, subject)
    except Exception as error:
        # The one broad catch: whatever went wrong with this one job, the others go on and it is tried
        # again. Only the kind of error is written down; its message could hold somebody's words.
        log.warning("job.failed", job=name, subject=subject, attempt=attempt, error=type(error).__name__)
        after = error.after if isinstance(error, Again) else 0
        return _later(service, job, name, subject, attempt, after)
    return "done"


def _later(service: "Service", job: Job, name: str, subject: str, attempt: int, after: float) -> str:
    if attempt > len(job.delays):
        job.give_up(service, subject)
        log.error("job.dead", job=name, subject=subject)
        raise DeadLetter(f"{name} {subject}")
    delay = max(job.delays[attempt - 1], after)
    with writing(service.db) as conn:
        service.jobs.enqueue(conn, name, subject, queue=job.queue, attempt=attempt + 1, delay=delay)
    return "again"


class _PeerWatch:
    """Takes up the jobs of workers that died (PostgreSQL only).

    Each worker holds an advisory lock on its name for as long as it lives; whoever gets the lock of a name
    that still has pending jobs knows that its worker is dead, and recovers them. DBOS alone leaves
    them pending for ever.
    """

    def __init__(self, period: float = 2.0) -> None:
        self.period = period
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._own: sa.Connection | None = None

    def start(self, db: sa.Engine, worker: str) -> None:
        self._own = db.connect().execution_options(isolation_level="AUTOCOMMIT")
        # Out of the pool: the lock lasts as long as the connection, and must go with it.
        self._own.detach()
        if not _locked(self._own, worker):
            self._own.close()
            self._own = None
            raise NameTaken(f"another worker is called {worker}: set MANYVOICES_WORKER_NAME")
        self._stopped.clear()
        self._thread = threading.Thread(target=self._look, args=(db, worker), daemon=True, name="peers")
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        if self._own:
            self._own.close()
            self._own = None

    def _look(self, db: sa.Engine, worker: str) -> None:
        while not self._stopped.wait(self.period):
            with db.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                for peer in _with_pending_jobs(conn):
                    if peer != worker and _locked(conn, peer):
                        DBOS._recover_pending_workflows([peer])
                        _unlock(conn, peer)


class NameTaken(RuntimeError):  # noqa: N818 - named for the fact
    """Two workers with one name would take each other for dead."""


def pending_jobs(db: sa.Engine) -> int:
    """Return how many jobs are enqueued, delayed or running."""
    jobs = _workflows(db)
    open_ = jobs.c.status.in_(("PENDING", "ENQUEUED", "DELAYED"))
    with reading(db) as conn:
        return int(conn.scalar(sa.select(sa.func.count()).select_from(jobs).where(open_)) or 0)


def _with_pending_jobs(conn: sa.Connection) -> list[str]:
    jobs = _workflows(conn)
    held = sa.and_(jobs.c.status == "PENDING", jobs.c.executor_id.is_not(None))
    return list(conn.scalars(sa.select(jobs.c.executor_id).where(held).distinct()))


def _locked(conn: sa.Connection, name: str) -> bool:
    return bool(conn.scalar(sa.select(sa.func.pg_try_advisory_lock(_lock_id(name)))))


def _unlock(conn: sa.Connection, name: str) -> None:
    conn.execute(sa.select(sa.func.pg_advisory_unlock(_lock_id(name))))


def _lock_id(name: str) -> int:
    return zlib.crc32(f"{APPLICATION}:{name}".encode())


def _workflows(db: sa.Engine | sa.Connection) -> sa.TableClause:
    columns = (sa.column("status", sa.String), sa.column("executor_id", sa.String))
    return sa.table("workflow_status", *columns, schema=None if is_sqlite(db) else "dbos")


def _not_said_yet(record: logging.LogRecord) -> bool:
    # A dead letter is one line of our own log; DBOS would add its traceback.
    return not (record.exc_info and isinstance(record.exc_info[1], DeadLetter))


_current: dict[str, Any] = {}
_registered: set[str] = set()
_by_clock: dict[str, Any] = {}
_watch = _PeerWatch()

QUEUES = {
    # 32 at once: without a bound the whole backlog is claimed and a stop is slow.
    "ingest": Queue(at_once=32, poll=0.1),
    # What was written before we were attached: slower than a comment of now, which may be urgent.
    "history": Queue(at_once=8, poll=0.1),
    # A worker claims as many as it may at each look, so this is at most 32 mails a second.
    "mail": Queue(at_once=8, poll=0.25),
    "writeback": Queue(at_once=8, poll=0.5, in_lanes=True),
    "forums": Queue(at_once=8, poll=0.5, in_lanes=True),
    # A lane for each receiver.
    "webhooks": Queue(at_once=8, poll=0.5, in_lanes=True),
}
