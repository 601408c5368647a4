"""Measure the way of a comment, each part beside a yardstick in the same run: on a busy machine only ratios last."""

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import click

from webhooks.commands.bench_community import SLUG, add_bench
from webhooks.commands.bench_desk import show_desk
from webhooks.commands.bench_themes import show_themes

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

AT = "2026-11-22T12:00:00Z"
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """One part of the way: how often a second, milliseconds at the median and the 99th percentile, and the ratio.

    `yardsticks` is the median over the yardstick's: below 1 is quicker than the yardstick.
    """

    what: str
    per_second: float
    p50: float
    p99: float
    yardsticks: float


@click.command()
@click.option("--comments", default=500, type=click.IntRange(100, 100_000), help="How many of each.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--themes", is_flag=True, help="Measure the themes over 1,000, 10,000 and 100,000 comments instead.")
@click.option("--desk", is_flag=True, help="Measure the desk over 1,000, 10,000 and 100,000 insights instead.")
@click.option("--database", help="With --desk: the address of an empty database, such as postgresql://… .")
def bench(comments: int, as_json: bool, themes: bool, desk: bool, database: str | None) -> None:
    """Measure how fast comments are taken in and handled, on a database of its own that is thrown away."""
    if desk:
        return show_desk(as_json, database)
    if themes:
        return show_themes(as_json)
    with tempfile.TemporaryDirectory(prefix="manyvoices-bench-") as folder:
        rows = _measured(Path(folder), comments)
    click.echo(json.dumps([asdict(row) for row in rows]) if as_json else _table(rows))


def _measured(folder: Path, comments: int) -> list[Measured]:
    import logging

    import structlog

    from plugin.listening import heard_in
    from webhooks.wiring import NAME

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    app, secret = _app(folder)
    service = app.extensions[NAME]
    deliveries = [_delivery(number) for number in range(comments + WARM_UP)]
    client = app.test_client()
    parts: dict[str, tuple[Callable[[Any], object], list[Any]]] = {
        "yardstick: a bare view that verifies and inserts": (_bare(folder, secret), deliveries),
        "door: a signed delivery, stored with its job": (_poster(client, secret), deliveries),
        "door: the same delivery again": (_poster(client, secret), deliveries),
        "worker: from stored to tagged, weighed and put up": (
            lambda key: _handle(service, key),
            [f"standard:{SLUG}:msg_{number}" for number in range(comments + WARM_UP)],
        ),
        "tagger: all that one comment tells": (heard_in, [_words(number) for number in range(comments + WARM_UP)]),
    }
    parts |= {
        "summary: of all these comments, cold": (lambda _: _sum_up(service), list(range(WARM_UP + 3))),
        "summary: its page again, unchanged": (_page_drawer(app), list(range(WARM_UP + 10))),
    }
    times = {what: _timed(what, act, items) for what, (act, items) in parts.items()}
    service.jobs.close()
    service.db.dispose()
    yardstick = median(next(iter(times.values())))
    return [_row(what, taken, yardstick) for what, taken in times.items()]


def _app(folder: Path) -> "tuple[Flask, bytes]":
    from plugin import engine
    from plugin.store.communities import add_secret
    from plugin.store.migrating import migrate_tables
    from plugin.store.opening import writing
    from webhooks.app import create_app
    from webhooks.settings import settings_from
    from webhooks.signatures import new_secret, secret_bytes
    from webhooks.wiring import NAME

    app = create_app(settings_from({"MANYVOICES_DATA_DIR": str(folder)}))
    service = app.extensions[NAME]
    engine.migrate(service.db)
    migrate_tables(service.db)
    secret = new_secret()
    with writing(service.db) as conn:
        community_id = add_bench(conn)
        add_secret(conn, service.vault, community_id, secret)
    return app, secret_bytes(secret)


def _bare(folder: Path, secret: bytes) -> Callable[[dict[str, Any]], object]:
    """Return what the plainest receiver does: one check, one row, on disk before the answer."""
    import hmac

    import sqlalchemy as sa
    from flask import Flask, request

    from plugin.store.opening import open_database

    db = open_database(f"sqlite:///{folder / 'yardstick.sqlite'}")
    with db.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE deliveries (id TEXT PRIMARY KEY, body TEXT)")
    bare = Flask("yardstick")
    insert = sa.text("INSERT OR IGNORE INTO deliveries VALUES (:id, :body)")

    @bare.post("/")
    def take() -> tuple[str, int]:
        body = request.get_data()
        if not hmac.compare_digest(hmac.digest(secret, body, "sha256").hex(), request.headers["x-signature"]):
            return "", 401
        with db.begin() as conn:
            conn.execute(insert, {"id": request.headers["x-id"], "body": body.decode()})
        return "", 202

    client = bare.test_client()

    def post(delivery: dict[str, Any]) -> object:
        signature = hmac.digest(secret, delivery["body"], "sha256").hex()
        return client.post("/", data=delivery["body"], headers={"x-signature": signature, "x-id": delivery["id"]})

    return post


def _poster(client: "FlaskClient", secret: bytes) -> Callable[[dict[str, Any]], object]:
    from webhooks.signatures import PROFILES, headers_for

    def post(delivery: dict[str, Any]) -> object:
        signed = headers_for(PROFILES["standard"], secret, delivery["id"], int(time.time()), delivery["body"])
        headers = {"Content-Type": "application/json", **signed}
        answer = client.post(f"/webhooks/standard/{SLUG}", data=delivery["body"], headers=headers)
        if answer.status_code != 202:
            raise click.ClickException(f"The door answered {answer.status_code}, so there is nothing to measure.")
        return answer

    return post


def _handle(service: Any, key: str) -> None:
    from plugin.handlers import handle

    handle(service, key)


def _sum_up(service: Any) -> None:
    """Read a discussion and sum it up, with nothing known from before."""
    from plugin.stakeholders import main_types
    from plugin.store.opening import reading
    from plugin.store.summaries import discussed

    with reading(service.db) as conn:
        discussed(conn, 1, main_types())


def _page_drawer(app: "Flask") -> Callable[[Any], object]:
    """Return what draws the page of a discussion for a moderator, the sign-in left out."""
    from flask import render_template

    from plugin.store.communities import community_by_slug
    from plugin.store.discussions import discussion_by_id
    from plugin.store.opening import reading
    from webhooks.summary_page import summary_page
    from webhooks.wiring import NAME

    def draw(_: Any) -> object:
        with app.test_request_context("/moderators/discussions/1"), reading(app.extensions[NAME].db) as conn:
            place, community = discussion_by_id(conn, 1), community_by_slug(conn, SLUG)
            if place is None or community is None:
                raise click.ClickException("Nothing was stored, so there is nothing to measure.")
            return render_template("moderators/discussion.html", shown=summary_page(conn, place, community, 1))

    return draw


def _delivery(number: int) -> dict[str, Any]:
    url = "https://forum.example.org/blogs/1"
    data = {
        "comment": {"id": number, "url": f"{url}#{number}", "text": _words(number), "created_at": AT, "updated_at": AT},
        "discussion": {"id": 1, "title": "Bench", "url": url, "kind": "blog"},
        "author": {"id": number % 50, "kind": "member", "display_name": f"Member {number % 50}"},
    }
    body = json.dumps({"type": "comment.created", "timestamp": AT, "data": data}).encode()
    return {"id": f"msg_{number}", "body": body}


def _words(number: int) -> str:
    return f"{COMMENTS[number % len(COMMENTS)]} ({number})"


def _timed(what: str, act: Callable[[Any], object], items: Iterable[Any]) -> list[float]:
    """Return the seconds that each took, the first few left out."""
    from tqdm import tqdm

    taken = []
    for item in tqdm(items, desc=what.partition(":")[0], unit="", disable=None, leave=False):
        start = time.perf_counter()
        act(item)
        taken.append(time.perf_counter() - start)
    return taken[WARM_UP:]


def _row(what: str, taken: list[float], yardstick: float) -> Measured:
    middle = median(taken)
    return Measured(
        what, len(taken) / sum(taken), middle * 1000, quantiles(taken, n=100)[98] * 1000, middle / yardstick
    )


def _table(rows: list[Measured]) -> str:
    widest = max(len(row.what) for row in rows)
    head = f"{'':{widest}}  {'a second':>9}  {'p50 ms':>7}  {'p99 ms':>7}  {'yardsticks':>10}"
    lines = (
        f"{row.what:{widest}}  {row.per_second:9.0f}  {row.p50:7.2f}  {row.p99:7.2f}  {row.yardsticks:10.2f}"
        for row in rows
    )
    return "\n".join([head, *lines])


# Written for this: one that shares much, one that shares nothing, one of a member of staff, one with a quotation.
COMMENTS = (
    "I look after my husband, who has had Parkinson's for nine years. On his last stay the evening tablets came with "
    "the ten o'clock round, four hours late, and he could not swallow his supper. I keep a chart by the bed now. On "
    "the third night a healthcare assistant saw it and asked the ward pharmacist, and since then the times stand on "
    "the board above him. Nobody had meant any harm. It was only that the round suited everybody but him.",
    "Thank you for writing this. I enjoyed every word of it and have passed it on to some friends.",
    "I am a community nurse in a rural team. We changed our handover last spring: the person who visits next rings the "
    "family before the visit, not after it. Missed insulin doses went from six a month to one, and the families say "
    "that they know who to ring. It costs ten minutes a day.",
    "> We have always done it this way.\n\nThat is the sentence that worries me. Has anybody asked the night staff?",
)
