"""Find insights by their words: SQLite's FTS5 or PostgreSQL's text search, over keyed digests of the words.

An index of the words themselves would hold on to them after they are gone: FTS5 lets go of a word only when it merges
its pages. Of a digest nobody can tell the word who has not our key.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import snowballstemmer
import sqlalchemy as sa

from plugin.privacy import MOST_READ
from plugin.sealing import Vault
from plugin.store.opening import is_sqlite

PURPOSE = "search"
# Of a query. More would not find more.
MOST_WORDS = 12
WORD = re.compile(r"\w+(?:['’]\w+)?")

# FTS5's own name for the key of a row is rowid; both tables are made by revision 0009.
_SQLITE = sa.table("comment_search", sa.column("rowid"), sa.column("tokens"))
_POSTGRES = sa.table("comment_search", sa.column("comment_id"), sa.column("tokens"))

_stemmer = snowballstemmer.stemmer("english")


def index_words(conn: sa.Connection, vault: Vault, comment_id: int, text: str) -> None:
    """Let a comment be found by its words, in place of those it had."""
    forget_words(conn, [comment_id])
    tokens = " ".join(sorted(set(_tokens(vault, text[:MOST_READ]))))
    if is_sqlite(conn):
        conn.execute(sa.insert(_SQLITE).values(rowid=comment_id, tokens=tokens))
    else:
        vector = sa.func.to_tsvector(sa.literal_column("'simple'::regconfig"), tokens)
        conn.execute(sa.insert(_POSTGRES).values(comment_id=comment_id, tokens=vector))


def forget_words(conn: sa.Connection, which: Iterable[int] | sa.Select[tuple[int]]) -> None:
    """Let these comments no longer be found."""
    table = _SQLITE if is_sqlite(conn) else _POSTGRES
    ids = which if isinstance(which, sa.Select) else list(which)
    conn.execute(sa.delete(table).where(_key(table).in_(ids)))


def having_words(conn: sa.Connection, vault: Vault, query: str) -> sa.Select[tuple[int]] | None:
    """Return the comments that have all the words of a query, in whatever form; None for a query without words."""
    tokens = list(dict.fromkeys(_tokens(vault, query)))[:MOST_WORDS]
    if not tokens:
        return None
    if is_sqlite(conn):
        # Digests are letters and digits: nothing in them means anything to FTS5.
        matching = sa.text("comment_search MATCH :words").bindparams(words=" ".join(tokens))
        return sa.select(_SQLITE.c.rowid).where(matching)
    words = sa.func.to_tsquery(sa.literal_column("'simple'::regconfig"), " & ".join(tokens))
    return sa.select(_POSTGRES.c.comment_id).where(_POSTGRES.c.tokens.op("@@")(words))


def _key(table: sa.TableClause) -> sa.ColumnClause[int]:
    return next(iter(table.c))


def _tokens(vault: Vault, text: str) -> Iterator[str]:
    key = vault.key_for(PURPOSE)
    for word in WORD.findall(text.casefold()):
        # The x keeps a digest that begins with digits one word to every tokeniser.
        yield "x" + hmac.digest(key, _stem(word).encode(), "sha256").hex()[:16]


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    stem: str = _stemmer.stemWord(word.replace("’", "'"))
    return stem
