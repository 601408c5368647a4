"""Read a whole forum back: what was written before we were attached, page by page, and again from where it stopped.

It is stored, tagged and summarised like all else, as source `backfill`: and so never mailed, noticed or answered.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from plugin.channels.webhook import NotTaken
from plugin.forums.polled import Forum
from plugin.polling import forum_of, store_in
from plugin.service import Service
from plugin.store.backfills import Backfill, backfill_of, begin_backfill, finish_backfill, note_backfill
from plugin.store.opening import reading, writing

# Seconds to wait after one answer that did not come, after two, …: an hour in all.
PAUSES = (5, 15, 60, 300, 300, 300, 600, 900, 1_200)


class CannotRead(Exception):  # noqa: N818 - named for the fact
    """A forum cannot be read on; the message is a sentence for whoever operates us. What was read is stored."""


def read_back(
    service: Service,
    community_id: int,
    *,
    since: datetime | None = None,
    again: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Backfill]:
    """Read a forum and yield how far it got after each page; it goes on where it stopped, however it was stopped.

    A reading that was finished is followed by one of what has been written since.

    Args:
        service: to read for.
        community_id: whose forum.
        since: leave what is older.
        again: from the start, whatever was read before.
        pause: waits so many seconds while the forum does not answer.

    Raises:
        CannotRead: where the forum is not connected, refused us, or does not answer for an hour.
    """
    now = datetime.now(UTC)
    with writing(service.db) as conn:
        found = None if again else backfill_of(conn, community_id)
        if found and found.finished_at:
            found = begin_backfill(conn, community_id, max(filter(None, (since, found.started_at))), now)
        found = found or begin_backfill(conn, community_id, since, now)
    failures = 0
    while True:
        forum = forum_of(service, community_id)
        if forum is None:
            raise CannotRead("the forum is not connected, or refused us")
        try:
            for found_now in _pages(service, forum, community_id, found):
                failures, found = 0, found_now
                yield found
        except NotTaken as error:
            if error.permanent or error.is_refusal or failures >= len(PAUSES):
                raise CannotRead(str(error)) from None
            pause(max(PAUSES[failures], error.after))
            failures += 1
            continue
        with writing(service.db) as conn:
            finish_backfill(conn, community_id, datetime.now(UTC))
        return


def _pages(service: Service, forum: Forum, community_id: int, found: Backfill) -> Iterator[Backfill]:
    for batch in forum.history(found.cursor, found.since):
        # The page and how far we are by it are one fact: a kill between the two would double or lose it.
        with writing(service.db, patient=True) as conn:
            stored = store_in(service, conn, community_id, batch.events)
            note_backfill(conn, community_id, batch.cursor, read=batch.read, found=stored, total=batch.total)
        with reading(service.db) as conn:
            so_far = backfill_of(conn, community_id)
        if so_far:
            yield so_far
