"""Measure how long the pages of the desk take at the server, over more and more insights."""

import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from webhooks.commands.bench_community import SLUG, add_bench

if TYPE_CHECKING:
    import sqlalchemy as sa
    from flask import Flask
    from flask.testing import FlaskClient

    from plugin.service import Service

SIZES = (1_000, 10_000, 100_000)
TIMES = 9
# Milliseconds that a page of the desk may take at the server.
BOUND = 100
YARDSTICK = "yardstick: one indexed query"
# One insight of so many was assigned, and stands in the trail.
TOLD = 20
AT_ONCE = 5_000
ADDRESS = "bench@example.org"
DAYS = 365
# One insight of so many has it; the others share what is common.
RARE = 500
RARE_TYPE = "industry"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a page takes at the median, in milliseconds: by the clock, and of this program's CPU.

    `yardsticks` is its time by the clock over that of one indexed query in the same run: on a busy machine only that
    lasts.
    """

    insights: int
    page: str
    milliseconds: float
    cpu: float
    yardsticks: float


def show_desk(as_json: bool, database: str | None, sizes: Sequence[int] = SIZES) -> None:
    """Print what each page of the desk takes, for desks of each size, and which of them takes too long."""
    rows = [row for pages in taken_for_desk(database, sizes) for row in pages]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows]))
        return
    widest = max(len(row.page) for row in rows)
    click.echo(f"{'insights':>10}  {'':{widest}}  {'ms':>7}  {'CPU ms':>7}  {'yardsticks':>10}")
    for row in rows:
        figures = f"{row.milliseconds:7.1f}  {row.cpu:7.1f}  {row.yardsticks:10.1f}"
        click.echo(f"{row.insights:10,}  {row.page:{widest}}  {figures}")
    slow = [f"{row.page} ({row.insights:,}: {row.milliseconds:.0f} ms)" for row in rows if row.milliseconds > BOUND]
    click.echo(f"\nAbove {BOUND} ms: {', '.join(slow)}." if slow else f"\nNo page takes more than {BOUND} ms.")


def taken_for_desk(database: str | None, sizes: Sequence[int], times: int = TIMES) -> Iterator[list[Taken]]:
    """Yield, for each size, what each page takes: signed in, with its templates, without a network.

    Args:
        database: the address of an empty database; None for a SQLite file that is thrown away.
        sizes: how many insights, growing: the same database is filled further.
        times: how often each page is asked for.
    """
    from plugin import engine
    from plugin.store.communities import all_communities
    from plugin.store.migrating import migrate_tables
    from plugin.store.opening import is_sqlite, reading, writing
    from webhooks.app import create_app
    from webhooks.settings import settings_from
    from webhooks.wiring import NAME

    with tempfile.TemporaryDirectory(prefix="manyvoices-bench-") as folder:
        told = {"MANYVOICES_DATA_DIR": folder, "MANYVOICES_SECRET_KEY": "only for figures, and thrown away after"}
        app = create_app(settings_from(told | ({"MANYVOICES_DATABASE_URL": database} if database else {})))
        service: Service = app.extensions[NAME]
        engine.migrate(service.db)
        migrate_tables(service.db)
        with reading(service.db) as conn:
            if all_communities(conn):
                raise click.ClickException("This database holds a community. Please name an empty one.")
        with writing(service.db) as conn:
            begin(conn)
        client, api = _signed_in(app), _program(app)
        last = 0
        for size in sizes:
            for first in range(last + 1, size + 1, AT_ONCE):
                with writing(service.db) as conn:
                    fill(service, conn, first, min(first + AT_ONCE - 1, size))
            last = size
            # As PostgreSQL does on its own after a while. SQLite does not, and so has to do without.
            if not is_sqlite(service.db):
                with service.db.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                    conn.exec_driver_sql("VACUUM ANALYZE")
            asked = asked_of(client, api, service, size)
            medians = {page: _timed(page, ask, times) for page, ask in asked.items()}
            bare = medians[YARDSTICK][0]
            yield [Taken(size, page, wall, cpu, wall / bare) for page, (wall, cpu) in medians.items()]
        service.jobs.close()
        service.db.dispose()


def pages_of(size: int) -> dict[str, str]:
    """Return the pages that are measured, by what is special with them."""
    from plugin.lexicons import packaged_list

    return {
        "the list": "/desk/",
        "the list, whatever its state": "/desk/?state=any",
        "a rare stakeholder type": f"/desk/?type={RARE_TYPE}",
        "a common stakeholder type": "/desk/?type=carer",
        "a theme": f"/desk/?theme={packaged_list().themes[0].id}",
        "words that many have": "/desk/?words=evening+tablets",
        "words that few have": "/desk/?words=lighthouse",
        "words that none has": "/desk/?words=zebra",
        "mine": "/desk/?whose=mine",
        "nobody's, of a kind, in a month": "/desk/?whose=nobody&kind=concern&age=month",
        "asleep": "/desk/?snoozed=yes",
        "a rare state": "/desk/?state=change_made",
        "a page far back": f"/desk/?state=any&before={max(size // 10, 2)}",
        "one insight": f"/desk/insights/{size // 2}",
        "the trail": "/desk/trail/",
    }


def asked_of(
    client: "FlaskClient", api: "FlaskClient", service: "Service", size: int
) -> Mapping[str, Callable[[], int]]:
    """Return everything that is measured, the yardstick first: each answers with its status."""
    import sqlalchemy as sa

    from plugin.store.opening import reading
    from plugin.store.tables import insights

    newest = sa.select(insights.c.id).where(insights.c.community_id == 1).order_by(insights.c.id.desc()).limit(25)
    csrf = _csrf(client)

    def bare() -> int:
        with reading(service.db) as conn:
            return 200 if conn.execute(newest).all() else 404

    def first_rows() -> int:
        answer = client.post("/desk/export?state=any", data={"csrf_token": csrf, "as": "csv"}, buffered=False)
        told = answer.iter_encoded()
        # The first piece is the head, the second the first rows.
        next(told), next(told)
        answer.close()
        return answer.status_code

    def page(path: str) -> Callable[[], int]:
        return lambda: client.get(path).status_code

    return {
        YARDSTICK: bare,
        **{name: page(path) for name, path in pages_of(size).items()},
        "an export, to its first rows": first_rows,
        "the list, for a program": lambda: api.get("/api/v1/insights").status_code,
    }


def begin(conn: "sa.Connection") -> None:
    """Put a community and its editor into an empty database."""
    from plugin.store.staff import add_staff

    add_staff(conn, ADDRESS, "admin", add_bench(conn))


def fill(service: "Service", conn: "sa.Connection", first: int, last: int) -> None:
    """Put the insights of these numbers into the database: as many discussions as a tenth, in one year."""
    import sqlalchemy as sa

    from plugin.lexicons import packaged_list
    from plugin.store import tables
    from plugin.store.audit import record
    from plugin.store.searching import index_words

    chance = random.Random(first)  # noqa: S311 - figures to measure with, not secrets
    now, themes = datetime.now(UTC), packaged_list().themes
    author = {"community_id": 1, "told_at": now, "kind": "member", "groups": [], "declared": []}
    page = {"community_id": 1, "told_at": now, "title": "Bench", "url": "https://forum.example.org", "kind": "blog"}
    comment = {"community_id": 1, "state": "visible", "source": "webhook"}
    tag = {"decision": "suggested", "source": "text", "by": "tagger", "confidence": 0.9, "frame": "am", "flags": []}
    insight = {"community_id": 1, "is_insight": True, "score": 0.8, "evidence": [[0, 60]], "reasons": []}
    mail = {"community_id": 1, "kind": "forward", "channel": "email", "recipient": "editors@example.org"}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in FILLED}
    for number in range(first, last + 1):
        at = now - timedelta(days=DAYS) + timedelta(seconds=number * 60)
        is_rare = number % RARE == 0
        text = f"{RARE_WORDS if is_rare else chance.choice(WORDS)} ({number})"
        ten = (number - 1) // 10 + 1
        if number % 10 == 1:
            rows["authors"].append(author | {"id": ten, "native_id": str(ten), "display_name": f"Member {ten}"})
            rows["discussions"].append(page | {"id": ten, "native_id": str(ten), "audience": "public"})
        times = {"created_at": at, "text_at": at, "received_at": at}
        place = {"author_id": chance.randint(1, ten), "discussion_id": ten, "native_id": str(number)}
        rows["comments"].append(comment | place | times | {"id": number, "text": text})
        rows["comment_themes"] += [{"comment_id": number, "theme": one.id} for one in chance.sample(themes, 2)]
        type_ = RARE_TYPE if is_rare else chance.choice(COMMON_TYPES)
        rows["tag_decisions"].append(tag | {"comment_id": number, "type": type_, "text_at": at, "decided_at": at})
        state = "change_made" if is_rare else chance.choice(STATES)
        rows["insights"].append(
            insight
            | {"id": number, "comment_id": number, "kind": chance.choice(KINDS), "is_urgent": number % 20_000 == 3}
            | {"urgent_evidence": [], "text_at": at, "found_at": at, "on_desk_at": at, "state": state}
            | {"assignee_id": 1 if chance.random() < 0.01 else None, "is_snoozed": chance.random() < 0.02}
        )
        rows["insight_types"].append({"insight_id": number, "type": type_})
        if number % 100 == 50:
            rows["insight_merges"].append({"insight_id": number, "into_id": number - 1, "by": "staff:1", "at": at})
        rows["outbox"].append(
            mail | {"insight_id": number, "status": "sent", "created_at": at, "message_id": f"<{number}@example.org>"}
        )
    for name, lines in rows.items():
        if lines:
            conn.execute(sa.insert(tables.metadata.tables[name]), lines)
    for line in rows["comments"]:
        index_words(conn, service.vault, line["id"], line["text"])
        if line["id"] % TOLD == 0:
            about = {"act": "assigned", "subject": f"insight:{line['id']}", "at": line["created_at"]}
            record(conn, service.vault, by="staff:1", community_id=1, after={"assignee_id": 1}, **about)


def _signed_in(app: "Flask") -> "FlaskClient":
    from plugin.store.opening import writing
    from plugin.store.staff import account_id, new_sign_in_link
    from webhooks.wiring import NAME

    with writing(app.extensions[NAME].db) as conn:
        link = new_sign_in_link(conn, account_id(conn, ADDRESS) or 0, datetime.now(UTC))
    client = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(f"/staff/enter/{link}").text)
    client.post(f"/staff/enter/{link}", data={"csrf_token": token[1] if token else ""})
    # A view that somebody keeps is read with each list.
    form = {"csrf_token": _csrf(client), "name": "Carers lately", "for": SLUG}
    client.post("/desk/views?type=carer&age=month", data=form)
    return client


def _csrf(client: "FlaskClient") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/desk/mails").text)
    return found[1] if found else ""


def _program(app: "Flask") -> "FlaskClient":
    from plugin.store.opening import writing
    from plugin.store.staff import account_id
    from plugin.store.tokens import new_token
    from webhooks.wiring import NAME

    with writing(app.extensions[NAME].db) as conn:
        user_id = account_id(conn, ADDRESS) or 0
        token = new_token(conn, user_id, name="bench", days=1, may_write=False, at=datetime.now(UTC))[1]
    client = app.test_client(use_cookies=False)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def _timed(page: str, ask: Callable[[], int], times: int) -> tuple[float, float]:
    """Return the milliseconds at the median, by the clock and of the CPU."""
    walls, cpus = [], []
    for _ in range(times + 1):
        start, worked = time.perf_counter(), time.process_time()
        status = ask()
        walls.append(time.perf_counter() - start)
        cpus.append(time.process_time() - worked)
        if status != 200:
            raise click.ClickException(f"{page} answered {status}, so there is nothing to measure.")
    # The first one fills what is kept from then on.
    return median(walls[1:]) * 1000, median(cpus[1:]) * 1000


FILLED = (
    "authors",
    "discussions",
    "comments",
    "comment_themes",
    "tag_decisions",
    "insights",
    "insight_types",
    "insight_merges",
    "outbox",
)
COMMON_TYPES = ("patient", "carer", "health_professional")
KINDS = ("experience", "practice", "lesson", "concern", "suggestion")
# A desk that is looked after: most of it was dealt with.
STATES = ("new", "in_review", "waiting", *(("used", "not_used", "closed") * 4))

# Written for this.
WORDS = (
    "I look after my husband. His evening tablets came with the ten o'clock round, four hours late, so I keep a chart "
    "by the bed now, and since then the times stand on the board above him.",
    "We changed our handover last spring: the person who visits next rings the family before the visit, not after it. "
    "It costs ten minutes a day.",
    "They sent me home without the letter, and the surgery had never heard of the new tablets. A phone number to ring "
    "in the evening would have been enough.",
)
RARE_WORDS = (
    "Our company makes the lighthouse pump. We found that its alarm was too quiet on a busy ward, and changed it after "
    "a nurse wrote to us."
)
