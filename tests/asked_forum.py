"""A forum that we ask, and us: hooks go to our door, and the jobs they make are run here, each once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from werkzeug.serving import make_server

from plugin import polling, telling
from plugin.channels.webhook import Message
from plugin.handlers import handle
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import is_sqlite, reading
from plugin.store.tables import authors, comments, events, write_backs


@contextmanager
def served(forum: Callable[..., Any]) -> Iterator[str]:
    """Serve a fake on this machine and yield its address."""
    server = make_server("127.0.0.1", 0, forum, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class AskedForum:
    """What the stories of all such forums need; each platform adds how its hooks arrive."""

    def __init__(self, service: Service, community: Community) -> None:
        self.service, self.community = service, community
        self.answers: list[int] = []
        self.jobs: list[str] = []

    def settle(self) -> None:
        """Do what the hooks put up, then what that put up."""
        with reading(self.service.db) as conn:
            table = "workflow_status" if is_sqlite(conn) else "dbos.workflow_status"
            made = conn.execute(sa.text(f"SELECT workflow_uuid FROM {table} WHERE name = 'read_forum'"))
            fresh = [id_.split(":")[1] for (id_,) in made if id_.split(":")[1] not in self.jobs]
        for subject in fresh:
            polling.read_forum(self.service, subject)
            self.jobs.append(subject)
        self.handle()

    def handle(self) -> None:
        with reading(self.service.db) as conn:
            keys = conn.scalars(sa.select(events.c.key).where(events.c.status == "received")).all()
        for key in keys:
            handle(self.service, key)

    def poll(self) -> None:
        self.settle()
        polling.reconcile_one(self.service, f"{self.community.id}.now")
        self.handle()

    def held(self) -> dict[str, str]:
        with reading(self.service.db) as conn:
            rows = conn.execute(sa.select(comments).where(comments.c.state == "visible"))
            return {row.native_id: row.text for row in rows}

    def authors(self) -> set[tuple[str, str | None]]:
        with reading(self.service.db) as conn:
            return {(row.kind, row.display_name) for row in conn.execute(sa.select(authors))}

    def count_events(self) -> int:
        with reading(self.service.db) as conn:
            return int(conn.scalar(sa.select(sa.func.count()).select_from(events)) or 0)

    def write_back(self) -> None:
        """Tell the forum what waits to be told."""
        with reading(self.service.db) as conn:
            waiting = conn.execute(sa.select(write_backs).where(write_backs.c.status == "waiting")).all()
        for row in waiting:
            telling.write_back(self.service, f"{row.community_id}.{row.id}.{row.round}")

    def tell(self, type_: str, **data: Any) -> None:
        forum = polling.forum_of(self.service, self.community.id)
        assert forum is not None
        forum.send(Message("mv_1", type_, datetime.now(UTC), data))
