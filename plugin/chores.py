"""What is done by the clock: what is over is let go of, and who asked for a letter a day or a week gets it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from plugin.delivery import tell_contributor
from plugin.letters import NEWS
from plugin.service import Service
from plugin.store.addresses import Frequency, authors_to_tell
from plugin.store.comments import forget_old_words
from plugin.store.communities import all_communities
from plugin.store.kept import sweep_kept
from plugin.store.links import sweep_links
from plugin.store.opening import reading, writing

# Words stay until the forum removes them, and at most 24 months (RULINGS, "Retention").
LONGEST_KEPT = timedelta(days=730)
# A finished job says what was done when: long enough to look into what went wrong.
JOBS_KEPT = timedelta(days=30)
# When a letter a day comes, by the clock of the community; one a week comes on Mondays.
HOUR_OF_LETTERS = 8
MONDAY = 0

log = structlog.get_logger()


def sweep(service: Service, at: datetime) -> None:
    """Delete the kept words and the private links whose time is over."""
    with writing(service.db, patient=True) as conn:
        kept, links = sweep_kept(conn, at), sweep_links(conn, at)
    log.info("swept", kept=kept, links=links)


def tell_contributors(service: Service, at: datetime) -> None:
    """Put up the letters that are due at this hour, for those who asked for one a day or a week."""
    with reading(service.db) as conn:
        zones = {community.id: ZoneInfo(community.time_zone) for community in all_communities(conn)}
    with writing(service.db, patient=True) as conn:
        for author_id, community_id, frequency, told_at in authors_to_tell(conn, NEWS):
            if is_due(frequency, at.astimezone(zones[community_id]), told_at):
                tell_contributor(service, conn, community_id, author_id)


def forget(service: Service, at: datetime) -> None:
    """Let go of words that are older than we keep them, and of jobs that ended long ago."""
    with writing(service.db, patient=True) as conn:
        words = forget_old_words(conn, at - LONGEST_KEPT)
    jobs = service.jobs.forget_finished(at - JOBS_KEPT)
    log.info("forgotten", comments=words, jobs=jobs)


def is_due(frequency: Frequency, local: datetime, told_at: datetime | None) -> bool:
    """Return whether a letter is due in the hour that begins at `local`.

    One that was missed, because nothing was running, comes with the next full hour of the day.
    """
    if frequency == "each":
        # Put up with each step already; this is what was left over when an address was confirmed later.
        return True
    first = local.replace(hour=HOUR_OF_LETTERS, minute=0, second=0, microsecond=0)
    if frequency == "weekly":
        first -= timedelta(days=(local.weekday() - MONDAY) % 7)
    return local >= first and (told_at is None or told_at < first)
