"""What we hold of a forum's comments, for whoever reads the forum and looks for news."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.model import CommentState
from plugin.store.opening import reading
from plugin.store.tables import comments, discussions, events


@dataclass(frozen=True, slots=True)
class Known:
    """What we hold of a comment already, so that a reader can tell news from what was read before."""

    created_at: datetime
    text: str | None
    text_at: datetime | None
    state: CommentState
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class HeldComments:
    """The comments of one community, each question in a transaction of its own: the forum is asked in between."""

    db: sa.Engine
    community_id: int

    def known(self, native_id: str) -> Known | None:
        """Return what we hold of the newest comment of this id. Erased words stay unknown and are no news."""
        query = (
            sa.select(comments)
            .where(comments.c.community_id == self.community_id, comments.c.native_id == native_id)
            .order_by(comments.c.created_at.desc())
            .limit(1)
        )
        with reading(self.db) as conn:
            row = conn.execute(query).first()
            if row is None:
                return None
            # Each event that was done counts: the same fact, told again after another, has another number.
            count = sa.select(sa.func.count()).select_from(events).where(events.c.comment_id == row.id)
            return Known(row.created_at, row.text, row.text_at, row.state, int(conn.scalar(count) or 0))

    def held_between(self, prefix: str, state: CommentState, first: datetime, last: datetime) -> list[str]:
        """Return the ids that begin with a prefix, of comments in this state that were written in this time."""
        query = sa.select(comments.c.native_id).where(
            comments.c.community_id == self.community_id,
            comments.c.state == state,
            comments.c.created_at.between(first, last),
            comments.c.native_id.startswith(prefix, autoescape=True),
        )
        with reading(self.db) as conn:
            return list(conn.scalars(query))

    def held_on(self, discussion: str, state: CommentState) -> list[str]:
        """Return the ids of comments in this state on a page of the forum."""
        query = (
            sa.select(comments.c.native_id)
            .join(discussions, discussions.c.id == comments.c.discussion_id)
            .where(
                comments.c.community_id == self.community_id,
                discussions.c.native_id == discussion,
                comments.c.state == state,
            )
        )
        with reading(self.db) as conn:
            return list(conn.scalars(query))
