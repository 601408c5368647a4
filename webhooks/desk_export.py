"""The desk's list as a file: what is in it is asked anew for each few rows, so what was taken back is not in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from flask import Response, abort, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.exporting import Exported, csv_head, csv_lines, exported, json_lines
from plugin.letters import copy_of
from plugin.service import Service
from plugin.store.audit import record
from plugin.store.desk import all_merged_into, items_of
from plugin.store.insights import on_desk
from plugin.store.listing import listed
from plugin.store.opening import reading, writing
from plugin.store.steps import steps_of
from plugin.store.themes import themes_of
from webhooks.desk_filters import Choices, Filters, choices_for, filters_from
from webhooks.editors import desk
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

AT_ONCE = 200
# The first rows are few, so that whoever waits sees the file begin.
AT_FIRST = 25


@dataclass(frozen=True, slots=True)
class Form:
    """A form of file: what it is called, what stands before the rows, and how rows are written."""

    media_type: str
    head: Callable[[], str]
    lines: Callable[[list[Exported]], str]


@desk.post("/export")
@staff_only("editor")
def export() -> ResponseReturnValue:
    """Send all that fits the filter as a file, and write into the trail that it was taken.

    Where reading fails on the way the answer breaks off, which a browser tells as a failed download: a file that looks
    whole is whole.
    """
    wanted = request.form.get("as", "csv")
    if wanted not in FORMS:
        abort(400)
    now = datetime.now(UTC)
    with writing(service().db) as conn:
        choices = choices_for(conn, communities_for("editor"), current_user.id)
        filters = filters_from(request.args, choices)
        for community_id in filters.community_ids:
            record(
                conn,
                service().vault,
                by=f"staff:{current_user.id}",
                act="exported",
                subject="desk",
                at=now,
                community_id=community_id,
                after={"as": wanted, "filter": filters.query},
            )
    answer = Response(_file(service(), FORMS[wanted], choices, filters), mimetype=FORMS[wanted].media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="insights-{now:%Y-%m-%d}.{wanted}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _file(service: Service, form: Form, choices: Choices, filters: Filters) -> Iterator[bytes]:
    yield form.head().encode()
    before = None
    while True:
        with reading(service.db) as conn:
            limit = AT_FIRST if before is None else AT_ONCE
            ids = listed(conn, service.vault, filters.community_ids, filters.wanted, limit=limit, before=before)
            lines = form.lines(list(_rows(service, conn, choices, ids)))
        if not ids:
            return
        yield lines.encode()
        before = ids[-1]


def _rows(service: Service, conn: sa.Connection, choices: Choices, insight_ids: list[int]) -> Iterator[Exported]:
    """Yield the rows of these insights, and after each those of what is merged into it."""
    merged = all_merged_into(conn, insight_ids)
    under: dict[int, list[int]] = {}
    for insight_id, into_id in merged.items():
        under.setdefault(into_id, []).append(insight_id)
    found = on_desk(conn, service.vault, [id_ for one in insight_ids for id_ in (one, *under.get(one, ()))])
    ids = [one.insight_id for one in found]
    items, steps = items_of(conn, ids), steps_of(conn, ids)
    themes = themes_of(conn, [one.stored.id for one in found])
    names = {community.id: community.name for community in choices.communities}
    for one in found:
        item = items[one.insight_id]
        yield exported(
            id=one.insight_id,
            found_at=one.found_at,
            community=names.get(item.community_id, ""),
            discussion_url=one.discussion.discussion.url,
            copy=copy_of(one, service.public_url),
            kind=one.stored.insight.kind if one.stored.insight else "none",
            tags=one.stored.tags,
            credit=one.credit,
            sending=one.sending,
            themes=[choices.themes.get(theme, theme) for theme in themes.get(one.stored.id, ())],
            state=item.state,
            steps=steps[one.insight_id],
            assignee=choices.editors.get(item.assignee_id) if item.assignee_id else None,
            merged_into=merged.get(one.insight_id),
        )


FORMS: Mapping[str, Form] = {
    "csv": Form("text/csv", csv_head, csv_lines),
    "jsonl": Form("application/x-ndjson", str, json_lines),
}
