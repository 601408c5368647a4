"""Whoever is listening, by whatever channel: of what was written before we were attached, nobody hears."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from asked_forum import served
from flask.testing import FlaskClient
from werkzeug import Request, Response

from mail_server import Inbox
from plugin import chores, digests, handing_out
from plugin.events import CommentPosted, Source
from plugin.model import Author, Comment, Discussion
from plugin.polling import store
from plugin.routing import Conditions, Rule, Target
from plugin.service import Service
from plugin.store.communities import Community, change_community
from plugin.store.desk_letters import set_wish
from plugin.store.digests import set_digest
from plugin.store.opening import reading, writing
from plugin.store.receivers import add_receiver
from plugin.store.routes import add_rule
from plugin.store.staff import StaffRole, add_staff
from plugin.store.tables import comments, insights, outbox, write_backs
from webhooks.signatures import new_secret

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
DANGER = "My mum is on the ward now, she cannot breathe and nobody is coming. Please help us now."
NOW = datetime.now(UTC)
# Now, and the mornings of the next week: so every letter's hour comes.
MOMENTS = [NOW, *(NOW.replace(hour=9, minute=0) + timedelta(days=day) for day in range(1, 9))]
CHORES = (chores.tell_contributors, digests.send_digests, digests.note_discussions, handing_out.send_desk_digests)
EVERYTHING = {"forward", "urgent", "digest", "desk_digest", "insight.new", "routed"}


def everybody_listens(service: Service, community: Community, url: str) -> None:
    """Let mails, letters, rules, a program and the forum itself wait for news."""
    changes = {"write_back_url": url, "private_host": "127.0.0.1", "staff_notes": True, "public_tags": "consented"}
    with writing(service.db) as conn:
        change_community(conn, community.id, **changes)
        each, daily = (add_staff(conn, f"{who}@hub.example.org", "editor", community.id) for who in ("each", "daily"))
        weekly = add_staff(conn, "weekly@hub.example.org", "moderator", community.id)
        set_wish(conn, each, "each", 8, NOW)
        set_wish(conn, daily, "daily", 8, NOW)
        set_digest(conn, weekly, True, NOW)
        program = add_receiver(conn, service.vault, community.id, "board", url, new_secret(), NOW)
        for target in (Target("webhook", program), Target("mail", each), Target("assign", daily)):
            add_rule(conn, community.id, Rule(0, str(target), Conditions(), target), by="staff:1", at=NOW)


def written(source: Source) -> list[CommentPosted]:
    """Return what a carer and a frightened daughter wrote the day before yesterday."""
    at = NOW - timedelta(days=2)
    page = Discussion("d1", "Patient safety and co-production", "https://hub.example.org/blogs/co-production")
    return [
        CommentPosted(
            key=f"{source}.{number}",
            community="hub",
            occurred_at=at,
            source=source,
            comment=Comment(str(number), at, at, text, f"{page.url}#c{number}"),
            discussion=page,
            author=Author(f"m{number}", "member", f"Member {number}", groups=("Carer",)),
        )
        for number, text in enumerate((DAD, DANGER), start=1)
    ]


@pytest.mark.parametrize("source", ["backfill", "reconcile"])
def test_of_the_past_nobody_hears_by_any_channel(
    inbox: Inbox,
    service: Service,
    community: Community,
    worker: Callable[[], None],
    sign_in: Callable[[StaffRole], FlaskClient],
    source: Source,
) -> None:
    calls: list[str] = []

    def outside(environ, start_response):
        calls.append(Request(environ).headers["webhook-id"])
        return Response(status=204)(environ, start_response)

    with served(outside) as url:
        everybody_listens(service, community, url)
        store(service, community.id, written(source))
        worker()
        for moment in MOMENTS:
            for chore in CHORES:
                chore(service, moment)
        worker()
    with reading(service.db) as conn:
        went = {row.kind for row in conn.execute(sa.select(outbox)) if row.status != "withheld"}
        told = conn.scalar(sa.select(sa.func.count()).select_from(write_backs))
        assigned = conn.scalar(sa.select(sa.func.count()).where(insights.c.assignee_id.is_not(None)))
        held = set(conn.scalars(sa.select(comments.c.text)))
    assert held == {DAD, DANGER}
    if source == "reconcile":
        # The same words, said now, are heard everywhere: what is listened to above does speak.
        assert (EVERYTHING - went, bool(told), bool(calls), bool(inbox.mails)) == (set(), True, True, True)
        return
    assert (went, told, assigned, calls, inbox.mails) == (set(), 0, 0, [], [])
    moderator = sign_in("moderator")
    assert "cannot breathe" in moderator.get("/moderators/discussions/1").text
    assert "Carer" in moderator.get("/moderators/discussions/1").text
    assert "evening tablets" in sign_in("editor").get("/desk/?history=yes").text
