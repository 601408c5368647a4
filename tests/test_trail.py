"""What was done stands in the trail, for those whom it concerns, and nobody changes it unseen."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from programs import Program
from test_matrix import csrf_of, elsewhere, signed_in

from forum import Forum
from plugin import desk
from plugin.desk import Actor
from plugin.service import Service
from plugin.store.audit import record
from plugin.store.communities import Community, remove_community
from plugin.store.opening import writing
from plugin.store.tables import audit_trail
from webhooks.cli import main

ONLY_ON = "sqlite"

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."


def test_the_trail_says_who_did_what_and_whether_anybody_changed_it_since(
    app: Flask,
    service: Service,
    community: Community,
    secret: bytes,
    worker: Callable[[], None],
    environ: dict[str, str],
) -> None:
    def command(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, words, env=environ)
        return result.exit_code, result.output

    Forum(app.test_client(), secret).posted(DAD, "1")
    worker()
    assert command("community", "set", "hub", "--name", "The hub of old")[0] == 0
    assert command("staff", "add", "late@hub.example.org", "--role", "moderator", "--community", "hub")[0] == 0
    ed, ed_id = signed_in(app, service, "editor", community.id)
    page = ed.get("/desk/tokens/")
    made = ed.post(
        "/desk/tokens/", data={"csrf_token": csrf_of(page.text), "name": "=cmd", "days": 9, "rights": "write"}
    )
    token = re.search(r"mv_[\w-]{40,}", made.text)
    assert token
    program = Program(app, token[0])
    program.post("/insights/1/assign", {"to": ed_id}, program.get("/insights/1").headers["ETag"])
    ward_id = elsewhere(service)
    with writing(service.db) as conn:
        desk.note(service, conn, 1, "Ring the ward first.", Actor(f"staff:{ed_id}", datetime.now(UTC)))
        now = datetime.now(UTC)
        record(
            conn,
            service.vault,
            by="operator",
            act="secret changed",
            subject="community:2",
            at=now,
            community_id=ward_id,
        )

    shown = ed.get("/desk/trail/").text
    for words in ("by the token “=cmd”", "wrote a note", "changed its settings", "gave somebody a role"):
        assert words in shown, words
    # What is another community's, or nobody's, is for whoever runs everything.
    assert "gave it a new secret" not in table_of(shown)
    assert "signed in by a link" not in table_of(shown)
    admin, _ = signed_in(app, service, "admin", None)
    everything = table_of(admin.get("/desk/trail/").text)
    assert "gave it a new secret" in everything
    assert "signed in by a link" in everything

    mine = ed.get(f"/desk/trail/?person=staff:{ed_id}").text
    assert "gave it to somebody" in table_of(mine)
    assert "changed its settings" not in table_of(mine)
    assert f'href="/desk/trail/trail.csv?person=staff:{ed_id}"' in mine
    assert "wrote a note" in table_of(ed.get("/desk/trail/?act=noted&insight=1&since=2020-01-01").text)
    assert "Nothing that fits" in ed.get("/desk/trail/?until=2020-01-01").text
    for odd in ("insight=99999999999999999999", "before=x", "person=%00", "act=%00", "since=0001-01-01"):
        assert ed.get(f"/desk/trail/?{odd}").status_code == 200, odd
    rows = list(csv.DictReader(io.StringIO(ed.get(f"/desk/trail/trail.csv?person=staff:{ed_id}").text)))
    assert [row["act"] for row in rows] == ["noted", "assigned"]
    assert all(re.fullmatch("[0-9a-f]{64}", row["after"]) for row in rows)
    assert "Ring the ward" not in shown + str(rows)

    assert command("audit", "check")[0] == 0
    # A community that is removed takes none of its rows along.
    with writing(service.db) as conn:
        remove_community(conn, ward_id)
    code, told = command("audit", "check")
    assert (code, "whole up to row" in told) == (0, True)
    assert "The chain is whole" in ed.get("/desk/trail/?check=all").text
    with writing(service.db) as conn:
        row_id = conn.scalar(sa.select(audit_trail.c.id).where(audit_trail.c.act == "assigned"))
        conn.execute(sa.update(audit_trail).where(audit_trail.c.id == row_id).values(by="staff:9"))
    assert f"The chain is broken at row {row_id}" in ed.get("/desk/trail/").text
    code, told = command("audit", "check")
    assert (code, f"broken at row {row_id}" in told) == (1, True)


def table_of(page: str) -> str:
    return page.partition("<tbody>")[2].partition("</tbody>")[0]
