"""Measure how long the themes of a community take when nothing has to be read again."""

import json
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from webhooks.commands.bench_community import HOME, add_bench

if TYPE_CHECKING:
    import sqlalchemy as sa

SIZES = (1_000, 10_000, 100_000)
TIMES = 5
WORDS = "The evening tablets came with the ten o'clock round, four hours late. " * 6
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def show_themes(as_json: bool, sizes: Sequence[int] = SIZES) -> None:
    """Print how long the themes of a community take, for communities of each size."""
    taken = {size: seconds_for_themes(size) for size in sizes}
    if as_json:
        click.echo(json.dumps([{"comments": size, "seconds": seconds} for size, seconds in taken.items()]))
        return
    click.echo(f"{'comments':>10}  {'seconds':>8}  {'per 1,000':>9}")
    for size, seconds in taken.items():
        click.echo(f"{size:10,}  {seconds:8.3f}  {seconds / size * 1000:9.5f}")


def seconds_for_themes(comments: int) -> float:
    """Return how long the lanes of a community with so many comments take, at the median, on a database of its own.

    Each comment is a person's among a tenth as many, has two themes, and every second one a tag. All of
    them are of the thirteen weeks that are counted: the worst case.
    """
    from plugin.store.migrating import migrate_tables
    from plugin.store.opening import open_database, reading, writing

    with tempfile.TemporaryDirectory(prefix="manyvoices-bench-") as folder:
        db = open_database(f"sqlite:///{Path(folder) / 'themes.sqlite'}")
        migrate_tables(db)
        with writing(db) as conn:
            community_id = fill(conn, comments)
        with reading(db) as conn:
            taken = [_once(conn, community_id) for _ in range(TIMES + 1)][1:]
        db.dispose()
    return median(taken)


def fill(conn: "sa.Connection", comments: int) -> int:
    """Put so many comments into an empty database, as if they had been heard; return their community."""
    import sqlalchemy as sa

    from plugin.lexicons import packaged_list
    from plugin.stakeholders import main_types
    from plugin.store import tables

    chance = random.Random(comments)  # noqa: S311 - figures to measure with, not secrets
    community_id = add_bench(conn)
    words = packaged_list()
    people, pages = max(10, comments // 10), max(5, comments // 100)
    told = {"community_id": community_id, "told_at": NOW}
    author = told | {"kind": "member", "groups": [], "declared": []}
    page = told | {"title": "Bench", "url": HOME, "kind": "blog", "audience": "public"}
    comment = {"community_id": community_id, "text": WORDS, "state": "visible", "source": "webhook"}
    tag = {"decision": "suggested", "source": "text", "by": "tagger", "confidence": 0.9, "frame": "am", "flags": []}
    rows: dict[str, list[dict[str, object]]] = {
        "authors": [author | {"id": number, "native_id": str(number)} for number in range(1, people + 1)],
        "discussions": [page | {"id": number, "native_id": str(number)} for number in range(1, pages + 1)],
        "comments": [],
        "theme_lexicons": [{"digest": words.digest, "content": words.content}],
        "theme_readings": [],
        "comment_themes": [],
        "tag_decisions": [],
    }
    for number in range(1, comments + 1):
        at = NOW - timedelta(minutes=chance.randrange(91 * 24 * 60))
        place = {"author_id": chance.randint(1, people), "discussion_id": chance.randint(1, pages)}
        times = {"created_at": at, "text_at": at, "received_at": at}
        rows["comments"].append(comment | place | times | {"id": number, "native_id": str(number)})
        rows["theme_readings"].append({"comment_id": number, "digest": words.digest, "text_at": at})
        about = chance.sample(words.themes, 2)
        rows["comment_themes"] += [{"comment_id": number, "theme": one.id} for one in about]
        if number % 2:
            type_ = chance.choice(main_types())
            rows["tag_decisions"].append(tag | {"comment_id": number, "type": type_, "text_at": at, "decided_at": at})
    for name, lines in rows.items():
        conn.execute(sa.insert(tables.metadata.tables[name]), lines)
    return community_id


def _once(conn: "sa.Connection", community_id: int) -> float:
    from plugin.store.themes import lanes_in, reading_progress, unassigned

    start = time.perf_counter()
    lanes_in(conn, community_id, NOW)
    unassigned(conn, community_id)
    reading_progress(conn, community_id)
    return time.perf_counter() - start
