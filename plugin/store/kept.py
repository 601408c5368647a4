"""Words that somebody keeps while they sign up. Only their link opens them, and we do not keep the link."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.consent import Choice, choice_from_record, choice_to_record
from plugin.keeping import LASTS, fingerprint
from plugin.sealing import CannotUnseal, Vault, seal_under, unseal_under
from plugin.store.opening import insert_into
from plugin.store.tables import kept_marks, kept_words

PURPOSE = "kept words"


@dataclass(frozen=True, slots=True)
class KeptWords:
    """The row of words that are kept: where they were written and until when they stay. The words are closed."""

    id: int
    community_id: int
    discussion_id: int | None
    url: str
    expires_at: datetime
    sealed: bytes


def keep_words(
    conn: sa.Connection,
    community_id: int,
    discussion_id: int | None,
    *,
    url: str,
    words: str,
    choice: Choice,
    at: datetime,
) -> str:
    """Store words with what was chosen for them, and return the key: 128 random bits, written nowhere else.

    Args:
        conn: inside a transaction.
        community_id: whose guest wrote them.
        discussion_id: the page they are for, None for one that we have not heard of.
        url: the address of that page.
        words: exactly as they came.
        choice: roles, agreements and credit.
        at: now.
    """
    key = secrets.token_urlsafe(16)
    content = json.dumps({"words": words, "choice": choice_to_record(choice)}).encode()
    row = {
        "community_id": community_id,
        "discussion_id": discussion_id,
        "digest": _digest(key),
        "sealed": seal_under(key, content),
        "url": url,
        "kept_at": at,
        "expires_at": at + LASTS,
    }
    conn.execute(sa.insert(kept_words).values(row))
    return key


def kept_by_key(conn: sa.Connection, community_id: int, key: str, at: datetime) -> KeptWords | None:
    """Return the row that this key opens, or None where it is gone, over, or never was."""
    theirs = (kept_words.c.community_id == community_id, kept_words.c.digest == _digest(key))
    row = conn.execute(sa.select(kept_words).where(*theirs, kept_words.c.expires_at > at)).first()
    if row is None:
        return None
    return KeptWords(row.id, row.community_id, row.discussion_id, row.url, row.expires_at, row.sealed)


def opened(kept: KeptWords, key: str) -> tuple[str, Choice]:
    """Return the words, exactly as they came, and what was chosen for them; raise CannotUnseal for another key."""
    content = json.loads(unseal_under(key, kept.sealed))
    return content["words"], choice_from_record(content["choice"])


def let_go(conn: sa.Connection, kept_id: int) -> None:
    """Delete words that their writer no longer needs here."""
    conn.execute(sa.delete(kept_words).where(kept_words.c.id == kept_id))


def leave_mark(conn: sa.Connection, vault: Vault, discussion_id: int, text: str, choice: Choice, at: datetime) -> None:
    """Store what was chosen for these words, for the comment that says them in this discussion; for 72 hours."""
    mark = {
        "discussion_id": discussion_id,
        "fingerprint": fingerprint(vault.key_for(PURPOSE), discussion_id, text),
        "sealed": vault.seal(PURPOSE, json.dumps(choice_to_record(choice))),
        "expires_at": at + LASTS,
    }
    # Opened again: the first opening began the time.
    conn.execute(insert_into(conn, kept_marks).values(mark).on_conflict_do_nothing())


def take_mark(conn: sa.Connection, vault: Vault, discussion_id: int, text: str, at: datetime) -> Choice | None:
    """Return what was chosen for these words before they were posted, once; None where nobody kept them."""
    found = sa.and_(
        kept_marks.c.discussion_id == discussion_id,
        kept_marks.c.fingerprint == fingerprint(vault.key_for(PURPOSE), discussion_id, text),
    )
    row = conn.execute(
        sa.delete(kept_marks).where(found).returning(kept_marks.c.sealed, kept_marks.c.expires_at)
    ).first()
    if row is None or row.expires_at <= at:
        return None
    try:
        return choice_from_record(json.loads(vault.unseal(PURPOSE, row.sealed)))
    except CannotUnseal:
        return None


def sweep_kept(conn: sa.Connection, at: datetime) -> int:
    """Delete the words and the marks whose time is over and return how many."""
    gone = [
        conn.execute(sa.delete(table).where(table.c.expires_at <= at)).rowcount for table in (kept_words, kept_marks)
    ]
    return sum(gone)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
