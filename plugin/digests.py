"""Give moderators figures where they are: a note on their forum that is kept up to date, and a letter a week."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from plugin.chores import HOUR_OF_LETTERS, MONDAY
from plugin.delivery import put_digest
from plugin.service import Service
from plugin.store.comments import comments_in
from plugin.store.communities import all_communities
from plugin.store.digests import digest_reader_ids, discussions_told_since
from plugin.store.opening import reading, writing
from plugin.store.staff import communities_open_to
from plugin.store.summaries import spoken_from
from plugin.summaries import Voice, note_words, summary_of
from plugin.telling import put_staff_note, takes

# Longer than the hour between two looks, so that nothing falls between them; what is known already is not told again.
LOOKED_BACK = timedelta(hours=3)


def note_discussions(service: Service, at: datetime) -> None:
    """Put up the note about each discussion that changed of late, for the forums that want one."""
    with reading(service.db) as conn:
        wanting = [one for one in all_communities(conn) if one.staff_notes and takes(conn, one)]
        changed = {one.id: discussions_told_since(conn, one.id, at - LOOKED_BACK) for one in wanting}
    for community in wanting:
        for discussion_id in changed[community.id]:
            with writing(service.db, patient=True) as conn:
                spoken = spoken_from(comments_in(conn, discussion_id))
                who = summary_of([Voice(one.person, one.types) for one in spoken], community.expected_types)
                url = f"{service.public_url}/moderators/discussions/{discussion_id}"
                put_staff_note(service, conn, community, discussion_id, note_words(who), url)


def send_digests(service: Service, at: datetime) -> None:
    """Put up the letter of the week for each moderator who wants it, once, from eight o'clock on Monday."""
    with writing(service.db, patient=True) as conn:
        for user_id in digest_reader_ids(conn):
            theirs = communities_open_to(conn, user_id, "moderator")
            if not theirs:
                continue
            local = at.astimezone(ZoneInfo(theirs[0].time_zone))
            if local.weekday() == MONDAY and local.hour >= HOUR_OF_LETTERS:
                year, week, _ = local.isocalendar()
                put_digest(service, conn, theirs[0].id, user_id, f"{year}-{week:02d}")
