"""Read comments again after their list of theme words has changed, a few at a time, while everything else goes on."""

from datetime import datetime

from plugin.service import Service
from plugin.store.communities import all_communities
from plugin.store.opening import writing
from plugin.store.themes import read_unread


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
