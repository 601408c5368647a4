"""What the authors agreed to and how they want to be credited: rows are added, never changed."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from plugin.consent import Choice, Credit, Purpose, Receipt, newest_wording
from plugin.sealing import Vault
from plugin.store.tables import comments, credits, receipts

PURPOSE = "credit"


def give(
    conn: sa.Connection, comment_id: int, purpose: Purpose, given: bool, wording: str | None, at: datetime
) -> None:
    """Add a receipt: an author's yes or no for one comment.

    Args:
        conn: inside a transaction.
        comment_id: which comment.
        purpose: what was asked.
        given: yes, or no and "no longer".
        wording: the version of the words that the author read; None for the newest.
        at: when.
    """
    row = {"comment_id": comment_id, "purpose": purpose, "given": given, "at": at}
    conn.execute(sa.insert(receipts).values(row | {"wording": wording or newest_wording(purpose).version}))


def receipts_for(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, list[Receipt]]:
    """Return the receipts of each of these comments, oldest first."""
    rows = conn.execute(sa.select(receipts).where(receipts.c.comment_id.in_(comment_ids)).order_by(receipts.c.id))
    found: dict[int, list[Receipt]] = {comment_id: [] for comment_id in comment_ids}
    for row in rows:
        found[row.comment_id].append(Receipt(row.purpose, row.given, row.wording, row.at))
    return found


def comments_answered(conn: sa.Connection, community_id: int, purpose: Purpose) -> set[int]:
    """Return the comments of a community whose authors ever answered for a purpose, whatever they said."""
    query = (
        sa.select(receipts.c.comment_id)
        .join(comments, comments.c.id == receipts.c.comment_id)
        .where(comments.c.community_id == community_id, receipts.c.purpose == purpose)
    )
    return set(conn.scalars(query))


def set_credit(conn: sa.Connection, vault: Vault, comment_id: int, credit: Credit, at: datetime) -> None:
    """Store how the author of a comment wants to be credited; a chosen name is sealed."""
    sealed = vault.seal(PURPOSE, credit.name) if credit.name else None
    row = {"comment_id": comment_id, "kind": credit.kind, "sealed_name": sealed, "at": at}
    conn.execute(sa.insert(credits).values(row))


def credits_for(conn: sa.Connection, vault: Vault, comment_ids: Collection[int]) -> dict[int, Credit]:
    """Return the credit that holds for each of these comments whose author chose one."""
    rows = conn.execute(sa.select(credits).where(credits.c.comment_id.in_(comment_ids)).order_by(credits.c.id))
    newest = {row.comment_id: row for row in rows}
    return {
        comment_id: Credit(row.kind, vault.unseal(PURPOSE, row.sealed_name) if row.sealed_name else None)
        for comment_id, row in newest.items()
    }


def save_choice(conn: sa.Connection, vault: Vault, comment_id: int, choice: Choice, at: datetime) -> None:
    """Store what somebody chose for their words before these were anywhere: what they agree to, and the credit."""
    for purpose in choice.purposes:
        give(conn, comment_id, purpose, True, None, at)
    set_credit(conn, vault, comment_id, choice.credit, at)
