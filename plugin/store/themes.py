"""What comments are about, kept so that it is counted and not read again; and the lists of words it was read with."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.lanes import Lanes, ThemeFigures, lanes_of, weeks_of_past, weeks_until
from plugin.lexicons import NO_THEME, WordList, lexicon_of, list_from, packaged_list
from plugin.model import PersonalData
from plugin.privacy import personal_data_in
from plugin.store.comments import StoredComment, stored_comments
from plugin.store.opening import insert_into
from plugin.store.tables import (
    comment_themes,
    comments,
    communities,
    personal_data,
    theme_lexicons,
    theme_readings,
    theme_versions,
)
from plugin.store.tags import standing_types
from plugin.themes import themes_for

# So many comments are read again in one short transaction: nobody who writes meanwhile has to wait.
READ_AT_ONCE = 200


class ChangedMeanwhile(RuntimeError):  # noqa: N818 - named for the fact
    """Somebody else made a newer list; `newest` is theirs."""

    def __init__(self, newest: "ThemeVersion") -> None:
        super().__init__(newest.version)
        self.newest = newest


@dataclass(frozen=True, slots=True)
class ThemeVersion:
    """A community's list of theme words at one time. Version 0 came with the program: nobody made it."""

    version: int
    words: WordList
    change: str | None = None
    by: str | None = None
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a community's comments were read with its newest list."""

    read: int
    comments: int

    @property
    def is_done(self) -> bool:
        """Return whether every one was."""
        return self.read >= self.comments


@dataclass(frozen=True, slots=True)
class Unassigned:
    """The comments about no theme: how many, and when the oldest was written."""

    comments: int
    oldest: datetime | None


def current_theme_lexicon(conn: sa.Connection, community_id: int) -> ThemeVersion:
    """Return the list that a community's comments are read with."""
    return next(iter(_versions(conn, community_id, limit=1)), ThemeVersion(0, packaged_list()))


def theme_lexicon(conn: sa.Connection, digest: str) -> WordList | None:
    """Return any list that comments were ever read with, or None where there never was one with this digest."""
    content = conn.scalar(sa.select(theme_lexicons.c.content).where(theme_lexicons.c.digest == digest))
    if content is not None:
        return list_from(content)
    return packaged_list() if packaged_list().digest == digest else None


def theme_versions_of(conn: sa.Connection, community_id: int) -> list[ThemeVersion]:
    """Return every list of a community, the newest first and the one that came with the program last."""
    return [*_versions(conn, community_id), ThemeVersion(0, packaged_list())]


def save_theme_version(
    conn: sa.Connection, community_id: int, words: WordList, *, after: int, change: str, by: str, at: datetime
) -> ThemeVersion:
    """Store a new list; raise `ChangedMeanwhile` where `after` is not the newest version any more."""
    # Two who save at once go one after the other.
    conn.execute(sa.select(communities.c.id).where(communities.c.id == community_id).with_for_update())
    newest = current_theme_lexicon(conn, community_id)
    if newest.version != after:
        raise ChangedMeanwhile(newest)
    _keep_list(conn, words)
    made = {"version": after + 1, "digest": words.digest, "change": change, "by": by, "made_at": at}
    conn.execute(sa.insert(theme_versions).values(community_id=community_id, **made))
    return ThemeVersion(after + 1, words, change, by, at)


def read_comment(
    conn: sa.Connection, community_id: int, comment_id: int, text: str, text_at: datetime, found: Iterable[PersonalData]
) -> None:
    """Keep what a comment's newest words are about, and where in them something personal may stand.

    Args:
        conn: inside a transaction.
        community_id: whose list it is read with.
        comment_id: which comment.
        text: its words.
        text_at: their version.
        found: the places of personal data, as they were heard.
    """
    _keep_reading(conn, current_theme_lexicon(conn, community_id).words, comment_id, text, text_at, found)


def read_unread(conn: sa.Connection, community_id: int) -> int:
    """Read the next few comments that were not read with the newest list; return how many there were."""
    words = current_theme_lexicon(conn, community_id).words
    query = (
        sa.select(comments.c.id, comments.c.text, comments.c.text_at)
        .select_from(comments.outerjoin(theme_readings, _read_with(words)))
        .where(*_readable(community_id), theme_readings.c.comment_id.is_(None))
        .order_by(comments.c.id.desc())
        .limit(READ_AT_ONCE)
    )
    rows = conn.execute(query).all()
    for row in rows:
        _keep_reading(conn, words, row.id, row.text, row.text_at, personal_data_in(row.text))
    return len(rows)


def reading_progress(conn: sa.Connection, community_id: int) -> Progress:
    """Return how far a community's comments are read with its newest list."""
    words = current_theme_lexicon(conn, community_id).words
    query = (
        sa.select(sa.func.count(theme_readings.c.comment_id), sa.func.count(comments.c.id))
        .select_from(comments.outerjoin(theme_readings, _read_with(words)))
        .where(*_readable(community_id))
    )
    read, everything = conn.execute(query).one()
    return Progress(read, everything)


def theme_figures(conn: sa.Connection, community_id: int, now: datetime) -> list[ThemeFigures]:
    """Return what is counted of each theme of a community's list, over the newest week and the twelve before it."""
    begins = weeks_until(now)
    in_time = (*_counted(community_id), comments.c.created_at >= begins[-1])
    people, theme = _person().distinct(), comment_themes.c.theme
    about = comments.join(comment_themes, comment_themes.c.comment_id == comments.c.id)
    whole = sa.select(theme, sa.func.count(people), sa.func.count(comments.c.discussion_id.distinct()), sa.func.count())
    nobody = (0, 0, 0)
    totals = {
        row[0]: (row[1], row[2], row[3])
        for row in conn.execute(whole.select_from(about).where(*in_time).group_by(theme))
    }
    weeks: list[dict[str, int]] = []
    # Week by week, because thirteen small counts are quicker than a large one with a column for the week.
    for number, begin in enumerate(begins):
        span = [comments.c.created_at >= begin, *([comments.c.created_at < begins[number - 1]] if number else [])]
        of_week = sa.select(theme, sa.func.count(people)).select_from(about).where(*in_time, *span).group_by(theme)
        weeks.append({row[0]: row[1] for row in conn.execute(of_week)})
    types = _people_by_type(conn, in_time)
    return [
        ThemeFigures(
            one.id,
            one.label,
            people=totals.get(one.id, nobody)[0],
            discussions=totals.get(one.id, nobody)[1],
            comments=totals.get(one.id, nobody)[2],
            types=types.get(one.id, {}),
            weeks=tuple(week.get(one.id, 0) for week in weeks),
        )
        for one in current_theme_lexicon(conn, community_id).words.themes
    ]


def lanes_in(conn: sa.Connection, community_id: int, now: datetime) -> Lanes:
    """Return the three lanes of a community as they are at this moment."""
    figures = theme_figures(conn, community_id, now)
    past = weeks_of_past(first_comment_at(conn, community_id), now)
    return lanes_of(figures, weeks_before=past, today=now.date(), seed=str(community_id))


def first_comment_at(conn: sa.Connection, community_id: int) -> datetime | None:
    """Return when the oldest visible comment of a community was written, or None."""
    oldest = sa.func.min(comments.c.created_at, type_=comments.c.created_at.type)
    found: datetime | None = conn.scalar(sa.select(oldest).where(*_counted(community_id)))
    return found


def comments_about(
    conn: sa.Connection, community_id: int, theme_id: str, *, before: int | None = None, limit: int = 30
) -> list[StoredComment]:
    """Return the visible comments about a theme, or with `NO_THEME` about none, the last told first."""
    query = sa.select(comments.c.id).where(*_shown(community_id), _is_about(theme_id))
    if before is not None:
        query = query.where(comments.c.id < before)
    ids = conn.scalars(query.order_by(comments.c.id.desc()).limit(limit)).all()
    return stored_comments(conn, comments.c.id.in_(ids))[::-1]


def unassigned(conn: sa.Connection, community_id: int) -> Unassigned:
    """Return how many visible comments are about no theme of the list."""
    oldest = sa.func.min(comments.c.created_at, type_=comments.c.created_at.type)
    about_none = comment_themes.join(comments, comments.c.id == comment_themes.c.comment_id)
    query = (
        sa.select(sa.func.count(), oldest)
        .select_from(about_none)
        .where(*_counted(community_id), comment_themes.c.theme == NO_THEME)
    )
    count, first = conn.execute(query).one()
    return Unassigned(count, first)


def themes_of(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, list[str]]:
    """Return what each of these comments is about, as the ids of themes; those about none are left out."""
    about = sa.and_(comment_themes.c.comment_id.in_(comment_ids), comment_themes.c.theme != NO_THEME)
    found: dict[int, list[str]] = {}
    for row in conn.execute(sa.select(comment_themes).where(about).order_by(comment_themes.c.theme)):
        found.setdefault(row.comment_id, []).append(row.theme)
    return found


def personal_data_of(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, list[PersonalData]]:
    """Return what in each of these comments could identify a person, in the order it stands."""
    query = sa.select(personal_data).where(personal_data.c.comment_id.in_(comment_ids)).order_by(personal_data.c.id)
    found: dict[int, list[PersonalData]] = {}
    for row in conn.execute(query):
        found.setdefault(row.comment_id, []).append(PersonalData(row.kind, row.start, row.end))
    return found


def _versions(conn: sa.Connection, community_id: int, limit: int | None = None) -> "Iterable[ThemeVersion]":
    query = (
        sa.select(theme_versions, theme_lexicons.c.content)
        .join(theme_lexicons, theme_lexicons.c.digest == theme_versions.c.digest)
        .where(theme_versions.c.community_id == community_id)
        .order_by(theme_versions.c.version.desc())
        .limit(limit)
    )
    for row in conn.execute(query):
        yield ThemeVersion(row.version, list_from(row.content), row.change, row.by, row.made_at)


def _keep_list(conn: sa.Connection, words: WordList) -> None:
    # Also the one that came with the program: the next release may bring another.
    if conn.scalar(sa.select(theme_lexicons.c.digest).where(theme_lexicons.c.digest == words.digest)) is None:
        insert = insert_into(conn, theme_lexicons).values(digest=words.digest, content=words.content)
        conn.execute(insert.on_conflict_do_nothing())


def _keep_reading(
    conn: sa.Connection,
    words: WordList,
    comment_id: int,
    text: str,
    text_at: datetime,
    found: Iterable[PersonalData],
) -> None:
    _keep_list(conn, words)
    for table in (theme_readings, comment_themes, personal_data):
        conn.execute(sa.delete(table).where(table.c.comment_id == comment_id))
    conn.execute(sa.insert(theme_readings).values(comment_id=comment_id, digest=words.digest, text_at=text_at))
    themes = [one.id for one in themes_for(text, lexicon=lexicon_of(words))] or [NO_THEME]
    conn.execute(sa.insert(comment_themes), [{"comment_id": comment_id, "theme": one} for one in themes])
    places = [{"comment_id": comment_id, "kind": one.kind, "start": one.start, "end": one.end} for one in found]
    if places:
        conn.execute(sa.insert(personal_data), places)


def _shown(community_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return comments.c.community_id == community_id, comments.c.state == "visible", comments.c.text.is_not(None)


def _counted(community_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    # Whether there are words is not asked: it would open each comment, and only those of years ago have none.
    return comments.c.community_id == community_id, comments.c.state == "visible"


def _readable(community_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    # Hidden ones too: they may be shown again. What was sent to the editors alone never is.
    has_words = (comments.c.text.is_not(None), comments.c.text_at.is_not(None), comments.c.state != "direct")
    return comments.c.community_id == community_id, *has_words


def _read_with(words: WordList) -> sa.ColumnElement[bool]:
    return sa.and_(
        theme_readings.c.comment_id == comments.c.id,
        theme_readings.c.digest == words.digest,
        theme_readings.c.text_at == comments.c.text_at,
    )


def _is_about(theme_id: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(comment_themes.c.comment_id == comments.c.id, comment_themes.c.theme == theme_id)


def _people_by_type(conn: sa.Connection, in_time: Iterable[sa.ColumnElement[bool]]) -> dict[str, dict[str, int]]:
    held = standing_types(*in_time)
    query = (
        sa.select(comment_themes.c.theme, held.c.type, sa.func.count(_person().distinct()))
        .select_from(
            held.join(comment_themes, comment_themes.c.comment_id == held.c.comment_id).join(
                comments, comments.c.id == held.c.comment_id
            )
        )
        .group_by(comment_themes.c.theme, held.c.type)
    )
    found: dict[str, dict[str, int]] = {}
    for theme_id, type_, count in conn.execute(query):
        found.setdefault(theme_id, {})[type_] = count
    return found


def _person() -> sa.ColumnElement[int]:
    # Where we do not know the author, nobody can say that two comments are by one person.
    return sa.func.coalesce(comments.c.author_id, -comments.c.id)
