"""Open the database, and write to it: SQLite by default, PostgreSQL by its address."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

# SQLite takes one writer at a time. Waiting here, in turn, keeps the slowest answer ten times
# faster than waiting on the file (p99 46 ms against 635 ms at 16 connections).
_one_writer = threading.Lock()
_patience = threading.Lock()


def open_database(url: str) -> sa.Engine:
    """Return the engine that everything shares, DBOS included.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
    """
    address = sa.make_url(url)
    if address.get_backend_name() == "postgresql":
        # `postgresql://` alone would ask for a driver that is not installed.
        return sa.create_engine(
            address.set(drivername="postgresql+psycopg"), pool_size=20, pool_pre_ping=True, hide_parameters=True
        )
    # hide_parameters: an error must never carry what somebody wrote.
    engine = sa.create_engine(
        address, pool_size=20, hide_parameters=True, connect_args={"timeout": 30, "check_same_thread": False}
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def is_sqlite(engine: sa.Engine | sa.Connection) -> bool:
    """Return whether this is the embedded database: one file, one process."""
    return engine.dialect.name == "sqlite"


@contextmanager
def writing(engine: sa.Engine, *, patient: bool = False) -> Iterator[sa.Connection]:
    """Yield a connection inside one transaction; commit at the end, roll back on any error.

    `patient` is for work that nobody waits for: on SQLite, of all the patient ones only one at a time asks for its
    turn, so that the door, which a forum waits for, is never behind a whole backlog.
    """
    if not is_sqlite(engine):
        with engine.begin() as conn:
            yield conn
        return
    with _patience if patient else nullcontext(), _one_writer, engine.begin() as conn:
        # The driver would begin only at the first INSERT, and reads before it could go stale.
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        yield conn


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection for questions only."""
    with engine.connect() as conn:
        yield conn


def insert_into(conn: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in the dialect of this connection."""
    return sqlite.insert(table) if is_sqlite(conn) else postgresql.insert(table)


def _prepare_sqlite(dbapi_conn: Any, _record: Any) -> None:
    # As DBOS sets it on its own connections; FULL, so that what we answered 202 for survives a power cut;
    # secure_delete, so that words which are deleted leave the file too.
    dbapi_conn.isolation_level = "IMMEDIATE"
    for pragma in (
        "busy_timeout=30000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        dbapi_conn.execute(f"PRAGMA {pragma}")
