"""The one place for decisions about tags: `decide_tag` is the only writer, `tags_for` the only reader."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from plugin.deciding import Decided, Decision, standing_tags
from plugin.model import Tag, TagSource
from plugin.store.tables import comments, tag_decisions


def decide_tag(
    conn: sa.Connection,
    comment_id: int,
    tag: Tag,
    decision: Decided,
    *,
    source: TagSource,
    by: str,
    at: datetime,
    reason: str | None = None,
    text_at: datetime | None = None,
) -> None:
    """Append a decision about one tag of one comment. Nothing is ever changed or taken out.

    Args:
        conn: inside a transaction.
        comment_id: which comment.
        tag: the type, and for a suggestion its evidence, frame, confidence and flags.
        decision: suggested, confirmed or removed.
        source: whose decision it is; see plugin.deciding.PRECEDENCE.
        by: who, in a form for the history: `tagger`, `profile`, `author`, `staff:<id>`.
        at: when.
        reason: why, where a person gave one.
        text_at: for a suggestion, the version of the words it was read from.
    """
    conn.execute(
        sa.insert(tag_decisions).values(
            comment_id=comment_id,
            type=tag.type,
            decision=decision,
            source=source,
            by=by,
            reason=reason,
            text_at=text_at,
            start=tag.evidence.start if tag.evidence else None,
            end=tag.evidence.end if tag.evidence else None,
            confidence=tag.confidence,
            frame=tag.frame,
            flags=list(tag.flags),
            decided_at=at,
        )
    )


def tags_for(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, tuple[Tag, ...]]:
    """Return the tags that stand for each of these comments, primary first; no tags, an empty tuple."""
    histories = decisions_for(conn, comment_ids)
    texts = conn.execute(
        sa.select(comments.c.id, comments.c.text, comments.c.text_at).where(comments.c.id.in_(comment_ids))
    )
    return {row.id: standing_tags(histories.get(row.id, []), row.text, row.text_at) for row in texts}


def decisions_for(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, list[Decision]]:
    """Return the history of each of these comments, oldest first."""
    rows = conn.execute(
        sa.select(tag_decisions).where(tag_decisions.c.comment_id.in_(comment_ids)).order_by(tag_decisions.c.id)
    )
    histories: dict[int, list[Decision]] = {}
    for row in rows:
        decision = Decision(
            row.type,
            row.decision,
            row.source,
            row.text_at,
            row.start,
            row.end,
            row.confidence,
            row.frame,
            tuple(row.flags),
        )
        histories.setdefault(row.comment_id, []).append(decision)
    return histories
