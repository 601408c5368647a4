"""What is kept, and that words which are let go of are gone."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask.testing import FlaskClient

from forum import Forum, minute
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import is_sqlite, reading
from plugin.store.tables import events, metadata

CANARY = "marigold-7731 was left on a trolley for nine hours and nobody came, and I am the patient"
NAME = "Nightjar-4402"


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def test_the_revisions_make_the_tables_that_the_code_expects(service: Service) -> None:
    def ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
        return kind != "table" or name in metadata.tables

    with reading(service.db) as conn:
        context = MigrationContext.configure(conn, opts={"include_object": ours})
        assert compare_metadata(context, metadata) == []


def test_no_words_and_no_names_reach_the_engine_or_the_logs(
    forum: Forum, service: Service, worker: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    author = {"id": "a1", "kind": "member", "display_name": NAME}
    forum.posted(CANARY, author=author)
    forum.posted("too", "2", comment={"created_at": "yesterday " + CANARY})
    worker()
    told = capsys.readouterr()
    kept = _engine_rows(service)
    assert "handle_event" in kept
    for word in ("marigold", "Nightjar", "trolley"):
        assert word not in kept
        assert word not in told.out + told.err


def test_a_handled_event_keeps_its_key_and_nothing_else(
    forum: Forum, service: Service, worker: Callable[[], None]
) -> None:
    forum.posted(CANARY)
    worker()
    with reading(service.db) as conn:
        row = conn.execute(sa.select(events)).one()
    assert (row.status, row.record) == ("done", None)


def test_the_words_of_a_removed_comment_leave_the_file(
    forum: Forum, service: Service, worker: Callable[[], None]
) -> None:
    if not is_sqlite(service.db):
        pytest.skip("PostgreSQL keeps old rows until it vacuums; the pages of docs say so")
    forum.posted(CANARY)
    worker()
    forum.removed(at=minute(5))
    worker()
    service.db.dispose()
    with service.db.connect() as conn:
        assert conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0] == 0
    service.db.dispose()
    file = Path(service.db.url.database or "")
    kept = b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    assert b"marigold" not in kept


def _engine_rows(service: Service) -> str:
    schema = None if is_sqlite(service.db) else "dbos"
    found = []
    with reading(service.db) as conn:
        for name in sa.inspect(service.db).get_table_names(schema=schema):
            if name not in metadata.tables:
                table = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=conn)
                found += [str(row) for row in conn.execute(sa.select(table))]
    return "\n".join(found)
