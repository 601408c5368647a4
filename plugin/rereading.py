"""Read comments again after their list of theme words has changed, a few at a time, while everything else goes on."""

from collections.abc import Collection, Iterator
from datetime import datetime

from plugin.service import Service
from plugin.store.communities import all_communities
from plugin.store.insights import count_with_words, with_words
from plugin.store.opening import reading, writing
from plugin.store.searching import index_words
from plugin.store.tags import note_types
from plugin.store.themes import read_unread

# So many insights at a time, so that the door is never behind a long transaction.
AT_ONCE = 200


def read_again(service: Service, subject: str) -> None:
    """Read all comments of a community that were not read with its newest list; `subject` is "community:version"."""
    community_id = int(subject.partition(":")[0])
    while True:
        with writing(service.db, patient=True) as conn:
            if not read_unread(conn, community_id):
                return


def give_up(_service: Service, _subject: str) -> None:
    """Do nothing: the clock comes round again."""


def catch_up(service: Service, _at: datetime) -> None:
    """Read what is still unread anywhere: comments of before the first release that keeps themes, say."""
    with writing(service.db, patient=True) as conn:
        communities = [community.id for community in all_communities(conn)]
    for community_id in communities:
        read_again(service, str(community_id))


def index_again(service: Service, community_ids: Collection[int]) -> Iterator[tuple[int, int]]:
    """Make anew what the desk finds insights by: their words, and who speaks in them; yield how many of how many.

    Needed for insights from before that was kept, and after the secret key was changed: words are found by digests
    under it. What is done twice is the same.
    """
    with reading(service.db) as conn:
        total = count_with_words(conn, community_ids)
    done, last = 0, 0
    while True:
        with writing(service.db, patient=True) as conn:
            found = with_words(conn, community_ids, after=last, limit=AT_ONCE)
            for _, comment_id, text in found:
                index_words(conn, service.vault, comment_id, text)
            note_types(conn, [comment_id for _, comment_id, _ in found])
        if not found:
            return
        done, last = done + len(found), found[-1][0]
        yield done, max(total, done)
