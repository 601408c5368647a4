"""What an editor does at the desk, and that nobody overwrites what they have not seen."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask.testing import FlaskClient

from forum import Forum, minute
from plugin import desk
from plugin.desk import Actor
from plugin.outcomes import NotAllowed, NotSaid, Step
from plugin.service import Service
from plugin.store.audit import entries, first_broken
from plugin.store.communities import Community
from plugin.store.desk import Stale, item_of, notes_of
from plugin.store.listing import OPEN, Wanted, count_listed, listed
from plugin.store.opening import reading, writing
from plugin.store.staff import add_staff, remove_staff
from plugin.store.tables import audit_trail, credits, insight_types, insights, receipts, tag_decisions
from webhooks.cli import main
from webhooks.settings import settings_from

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
NURSE = "I am a community nurse. We changed our handover last spring: whoever visits next rings the family first."
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


@pytest.fixture
def editor(service: Service, community: Community) -> int:
    with writing(service.db) as conn:
        return add_staff(conn, "ed@hub.example.org", "editor", community.id)


def on_list(service: Service, community: Community, **wanted: object) -> list[int]:
    with reading(service.db) as conn:
        found = listed(conn, service.vault, [community.id], Wanted(**wanted), limit=50)
        assert count_listed(conn, service.vault, [community.id], Wanted(**wanted), most=100) == len(found)
    return found


def test_the_list_is_filtered_by_who_speaks_by_words_and_by_whose_it_is(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None], editor: int
) -> None:
    forum.posted(DAD, "1")
    worker()
    forum.posted(NURSE, "2")
    worker()
    dad, nurse = on_list(service, community)[::-1]
    assert on_list(service, community, type="carer") == [dad]
    assert on_list(service, community, type="health_professional") == [nurse]
    # The same word in another form, and a word that only the other has.
    assert on_list(service, community, words="tablet late") == [dad]
    assert on_list(service, community, words="ringing families") == [nurse]
    assert on_list(service, community, words="tablets handover") == []
    assert on_list(service, community, words='"*) OR rowid:') == []
    lately = datetime.now(UTC) - timedelta(hours=1)
    assert on_list(service, community, found_from=lately, found_before=lately + timedelta(days=1)) == [nurse, dad]
    assert on_list(service, community, found_before=lately, type="carer") == []
    assert on_list(service, community, theme="medicines", states=OPEN, besides_urgent=True) == [dad]
    assert on_list(service, community, urgent=True) == on_list(service, community, is_history=True) == []
    with writing(service.db) as conn:
        desk.assign(service, conn, dad, editor, Actor("staff:1", NOW))
    assert on_list(service, community, assignee=editor) == [dad]
    assert on_list(service, community, assignee=0) == [nurse]
    with writing(service.db) as conn:
        remove_staff(conn, "ed@hub.example.org")
    assert on_list(service, community, assignee=0) == [nurse, dad]


def test_words_that_were_removed_are_found_no_more(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    forum.posted(DAD, "1")
    worker()
    assert len(on_list(service, community, words="tablets")) == 1
    forum.removed("1", at=minute(5))
    worker()
    assert on_list(service, community, words="tablets") == []
    with reading(service.db) as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM comment_search")) == 0


def test_an_act_on_an_older_version_changes_nothing(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None], editor: int
) -> None:
    forum.posted(DAD, "1")
    worker()
    [insight_id] = on_list(service, community)
    with writing(service.db) as conn:
        desk.assign(service, conn, insight_id, editor, Actor("staff:1", NOW, seen=1))
    with pytest.raises(Stale) as stale, writing(service.db) as conn:
        desk.take(service, conn, insight_id, Step("in_review", NOW), Actor("staff:2", NOW, seen=1))
    assert stale.value.item.assignee_id == editor
    with reading(service.db) as conn:
        item = item_of(conn, insight_id)
    assert item is not None
    assert (item.state, item.version) == ("new", 2)


def test_what_sleeps_comes_back_on_its_day_or_with_a_reply(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    forum.posted(DAD, "1")
    worker()
    [insight_id] = on_list(service, community)
    actor = Actor("staff:1", NOW)
    with writing(service.db) as conn:
        desk.snooze(service, conn, insight_id, NOW + timedelta(days=2), actor)
        with pytest.raises(NotSaid):
            desk.snooze(service, conn, insight_id, NOW - timedelta(days=2), actor)
    assert on_list(service, community) == []
    assert on_list(service, community, snoozed=True) == [insight_id]
    with writing(service.db) as conn:
        assert desk.wake_sleepers(service, conn, NOW + timedelta(days=1)) == 0
        assert desk.wake_sleepers(service, conn, NOW + timedelta(days=2)) == 1
    assert on_list(service, community) == [insight_id]
    with writing(service.db) as conn:
        desk.take(
            service, conn, insight_id, Step("not_used", NOW, reason="Others have told us the same before."), actor
        )
        desk.snooze(service, conn, insight_id, None, actor)
    forum.posted("How did you do that?", "2", comment={"parent_id": "1"})
    worker()
    assert on_list(service, community, states=("reopened",)) == [insight_id]


def test_merging_and_taking_apart_leaves_every_row_as_it_was(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    forum.posted(DAD, "1")
    worker()
    forum.posted(DAD + " Every evening.", "2")
    worker()
    second, first = on_list(service, community)
    before = rows_of(service)
    with writing(service.db) as conn:
        desk.merge(service, conn, second, first, Actor("staff:1", NOW))
        with pytest.raises(NotAllowed):
            desk.merge(service, conn, second, first, Actor("staff:1", NOW))
    assert on_list(service, community) == [first]
    with writing(service.db) as conn:
        desk.unmerge(service, conn, second, Actor("staff:1", NOW))
    assert on_list(service, community) == [second, first]
    assert rows_of(service) == before


def test_what_is_done_with_one_is_done_with_those_merged_into_it(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    forum.posted(DAD, "1")
    worker()
    forum.posted(DAD + " Every evening.", "2")
    worker()
    second, first = on_list(service, community)
    used = Step("used", NOW, title="Late tablets", link="https://hub.example.org/late")
    with writing(service.db) as conn:
        desk.merge(service, conn, second, first, Actor("staff:1", NOW))
        desk.take(service, conn, first, used, Actor("staff:1", NOW))
        assert [found.state for one in (first, second) if (found := item_of(conn, one))] == ["used", "used"]


def test_a_note_is_sealed_and_the_trail_shows_where_it_was_tampered_with(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    forum.posted(DAD, "1")
    worker()
    [insight_id] = on_list(service, community)
    with writing(service.db) as conn:
        desk.note(service, conn, insight_id, "Ring the ward first.", Actor("staff:1", NOW))
        desk.note(service, conn, insight_id, "They rang back.", Actor("staff:2", NOW))
        assert [said.text for said in notes_of(conn, service.vault, [insight_id])] == [
            "Ring the ward first.",
            "They rang back.",
        ]
        assert [(entry.by, entry.act) for entry in entries(conn, [community.id])] == [
            ("staff:2", "noted"),
            ("staff:1", "noted"),
        ]
        assert len(entries(conn, [community.id], by="staff:1")) == 1
        assert first_broken(conn, service.vault) is None
        first = conn.scalar(sa.select(sa.func.min(audit_trail.c.id)))
        conn.execute(sa.update(audit_trail).where(audit_trail.c.id == first).values(by="staff:9"))
        assert first_broken(conn, service.vault) == first
        conn.execute(sa.delete(audit_trail).where(audit_trail.c.id == first))
        assert first_broken(conn, service.vault) == first + 1


def test_after_a_change_of_key_everything_is_found_again_by_its_words_and_by_who_speaks(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None], environ: dict[str, str]
) -> None:
    for number, words in (("1", DAD), ("2", NURSE)):
        forum.posted(words, number)
        worker()
    changed = environ | {"MANYVOICES_SECRET_KEY": "another key for tests, of forty characters"}
    vault = settings_from(changed).vault()

    def found(**wanted: str) -> list[int]:
        with reading(service.db) as conn:
            return listed(conn, vault, [community.id], Wanted(**wanted), limit=9)

    with writing(service.db) as conn:
        conn.execute(sa.delete(insight_types))
    assert found(words="tablets") == found(type="carer") == []
    # Stopped after the first, it goes on with the second.
    told = CliRunner().invoke(main, ["desk", "reindex", "hub", "--after", "1"], env=changed)
    assert (told.exit_code, told.output) == (0, "1 insights are found by their words and by who speaks.\n")
    assert (found(words="tablets"), found(words="handover")) == ([], [2])
    told = CliRunner().invoke(main, ["desk", "reindex"], env=changed)
    assert (told.exit_code, told.output) == (0, "2 insights are found by their words and by who speaks.\n")
    assert found(words="tablets") == found(type="carer") == [1]


def rows_of(service: Service) -> str:
    tables = (insights, insight_types, receipts, credits, tag_decisions)
    with reading(service.db) as conn:
        rows = {table.name: [list(row) for row in conn.execute(sa.select(table))] for table in tables}
    return json.dumps(rows, default=str)
