"""Put what happened into the queue, in the very transaction in which it happened.

FlaskBB has hooks for a post that is saved and for none that is hidden, shown again or deleted. So we watch the
database session: after each flush we note which rows were touched, and before the commit we compare them with what
Many Voices was last told. What is committed is queued, what is rolled back was never said. Rows that change behind the
session's back (a bulk statement, a cascade, another program) are found by the sweep, which makes the same comparison
for the whole forum.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

import sqlalchemy as sa
from flask import current_app, has_request_context
from flaskbb.extensions import db
from flaskbb.forum.models import Forum, Post, Topic, forumgroups
from flaskbb.settings import flaskbb_config
from flaskbb.user.models import Group, GroupRole, User, groups_users
from sqlalchemy.orm import ORMExecuteState, Session

from manyvoices_flaskbb import roles
from manyvoices_flaskbb.moments import identity, written
from manyvoices_flaskbb.news import PRIVATE, Standing, audience_of, news
from manyvoices_flaskbb.settings import Settings, settings
from manyvoices_flaskbb.tables import links, notes, queue, state, tags, told
from manyvoices_flaskbb.tables import roles as said_roles

log = logging.getLogger(__name__)
KEY = "manyvoices_touched"
BATCH = 200
# The door takes 256 KiB, and JSON doubles what is quoted.
LONGEST_HTML = 120_000
LONGEST_TEXT = 50_000
STAFF = {GroupRole.MODERATOR, GroupRole.SUPER_MODERATOR, GroupRole.ADMINISTRATOR}

posts, topics, users, groups = (one.__table__ for one in (Post, Topic, User, Group))
# What makes a change worth a look: a topic counts its views, and a member is seen, with every page.
WATCHED: dict[type, tuple[str, ...]] = {
    Post: ("content", "hidden", "topic_id", "user_id"),
    Topic: ("title", "hidden", "forum_id"),
    User: ("username", "activated", "primary_group_id", "primary_group", "secondary_groups"),
    Forum: ("groups",),
    Group: ("name", "role"),
}


@dataclass(slots=True)
class Touched:
    """Rows to compare, by their numbers. `whole` are topics with all their posts; `all` asks for a sweep."""

    posts: set[int] = field(default_factory=set)
    topics: set[int] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)
    members: set[int] = field(default_factory=set)
    all: bool = False


def watch(sweep_soon: Any, wake: Any) -> None:
    """Listen to the forum's database session. `wake` is called when something was queued, `sweep_soon` when unsure."""

    def before_commit(session: Session) -> None:
        session.flush()
        touched: Touched | None = session.info.pop(KEY, None)
        found = settings()
        if touched is None or found is None:
            return
        if touched.all:
            session.info["manyvoices_sweep"] = True
        connection = session.connection()
        try:
            with connection.begin_nested():
                session.info["manyvoices_wake"] = tell(connection, found, touched) > 0
        except Exception as error:
            # Whatever is wrong with us, nobody's comment fails to be posted for it. The sweep finds what was missed.
            log.error("Many Voices could not note a change (%s): the next sweep will", type(error).__name__)
            session.info["manyvoices_sweep"] = True

    def after_commit(session: Session) -> None:
        if session.info.pop("manyvoices_sweep", False):
            sweep_soon()
        if session.info.pop("manyvoices_wake", False):
            wake()

    def after_rollback(session: Session) -> None:
        for name in (KEY, "manyvoices_sweep", "manyvoices_wake"):
            session.info.pop(name, None)

    for name, listener in (
        ("after_flush", _note),
        ("do_orm_execute", _note_statement),
        ("before_commit", before_commit),
        ("after_commit", after_commit),
        ("after_rollback", after_rollback),
    ):
        sa.event.listen(db.session, name, listener)


def touch_member(user_id: int) -> None:
    """Have a member compared at the next commit: their answer stands in a table of ours."""
    db.session().info.setdefault(KEY, Touched()).members.add(user_id)


def tell(conn: sa.Connection, found: Settings, touched: Touched, *, is_live: bool = True) -> int:
    """Queue all that is news of these rows, and return how much it was.

    A sweep is not live: what is older than the plugin, and was never told, is history to it and not news.
    """
    teller = _Teller(conn, found, datetime.now(UTC), is_live)
    of_whole = (
        sa.select(posts.c.id)
        .where(posts.c.topic_id.in_(touched.whole))
        .union(sa.select(told.c.row_id).where(told.c.kind == "comment", told.c.topic_id.in_(touched.whole)))
    )
    post_ids = touched.posts | (set(conn.scalars(of_whole)) if touched.whole else set())
    for ids in batched(sorted(touched.topics | touched.whole), BATCH):
        teller.tell_topics(ids)
    for ids in batched(sorted(touched.members), BATCH):
        teller.tell_members(ids)
    for ids in batched(sorted(post_ids), BATCH):
        teller.tell_comments(ids)
    return teller.count


class _Teller:
    """One comparison: a connection, a moment, and what was looked up on the way."""

    def __init__(self, conn: sa.Connection, found: Settings, at: datetime, is_live: bool) -> None:
        self.conn = conn
        self.found = found
        self.at = written(at)
        self.is_live = is_live
        self.count = 0
        self.topics: set[int] = set()
        self.since = conn.scalar(sa.select(state.c.value).where(state.c.name == "since")) or ""

    def tell_topics(self, ids: Iterable[int]) -> None:
        """Queue what is news of these topics. Of a private one nothing is said; its comments are hidden one by one."""
        self.topics |= set(ids)
        before = self._told("topic", ids)
        now = {row.id: row for row in self.conn.execute(_topic_query().where(topics.c.id.in_(ids)))}
        audiences = self._audiences(row.forum_id for row in now.values())
        for row_id in ids:
            row, old = now.get(row_id), before.get(row_id)
            if row is None:
                self.conn.execute(sa.delete(notes).where(notes.c.topic_id == row_id))
                self.conn.execute(sa.delete(told).where(told.c.kind == "topic", told.c.row_id == row_id))
                continue
            audience = audiences[row.forum_id]
            if audience == PRIVATE or (old is None and not self._is_news(row.topic_created)):
                continue
            about = self._discussion(row, audience)
            now_stands = Standing(about["id"], _digest(about), True)
            # A topic that took over the number of another one has another name, so it is simply a new one.
            same = old if old and old[0].known_as == about["id"] else None
            for kind in news(same[0] if same else None, now_stands):
                self._say("topic", row_id, f"discussion.{kind}", {"discussion": about})
            self._keep("topic", row_id, old, now_stands, changed_at=self.at)

    def tell_members(self, ids: Iterable[int]) -> None:
        """Queue what is news of these members."""
        before = self._told("member", ids)
        columns = (users.c.id, users.c.username, users.c.date_joined, users.c.primary_group_id, users.c.activated)
        now = {row.id: row for row in self.conn.execute(sa.select(*columns).where(users.c.id.in_(ids)))}
        authors = self._authors(now.values())
        for row_id in ids:
            row, old = now.get(row_id), before.get(row_id)
            stands = None
            if row is not None:
                # Until somebody has answered the mail that asks whether the address is theirs, nobody joined.
                joined = bool(old) or row.activated or not flaskbb_config["ACTIVATE_ACCOUNT"]
                stands = Standing(authors[row_id]["id"], _digest(authors[row_id]), joined)
                if old is None and not self._is_news(row.date_joined):
                    continue
            for kind in news(old[0] if old else None, stands):
                author = {"id": old[0].known_as} if old and kind == "deleted" else authors[row_id]
                self._say("member", row_id, f"member.{kind}", {"author": author})
            if stands is None or (old and old[0].known_as != stands.known_as):
                for table in (said_roles, links):
                    self.conn.execute(
                        sa.delete(table).where(
                            table.c.user_id == row_id, table.c.known_as != (stands.known_as if stands else "")
                        )
                    )
            self._keep("member", row_id, old, stands, changed_at=self.at)

    def tell_comments(self, ids: Iterable[int]) -> None:
        """Queue what is news of these posts."""
        before = self._told("comment", ids)
        now = {row.id: row for row in self.conn.execute(_post_query().where(posts.c.id.in_(ids)))}
        audiences = self._audiences(row.forum_id for row in now.values())
        authors = self._authors(row for row in now.values() if row.user_id is not None)
        for row_id in ids:
            row, old = now.get(row_id), before.get(row_id)
            was, was_worded_at = old or (None, self.at)
            if row is None:
                if was is not None:
                    self._say_gone(row_id, was.known_as, "deleted")
                    self._keep("comment", row_id, old, None, changed_at=self.at)
                continue
            stands = self._comment_stands(row, audiences[row.forum_id], was)
            if was is None and not self._is_news(row.date_created):
                continue
            kinds = news(was, stands)
            if {"created", "approved"} & set(kinds) and row.topic_id not in self.topics:
                self.tell_topics([row.topic_id])
            if "created" in kinds:
                worded_at = written(row.date_modified or row.date_created)
            else:
                worded_at = was_worded_at if was and stands.digest == was.digest else self.at
            for kind in kinds:
                if was is not None and kind in ("deleted", "hidden"):
                    self._say_gone(row_id, was.known_as, kind)
                else:
                    whole = self._whole(row, audiences[row.forum_id], authors.get(row.user_id), stands, worded_at)
                    self._say("comment", row_id, f"comment.{kind}", whole, known_as=stands.known_as)
            self._keep("comment", row_id, old, stands, changed_at=worded_at, topic_id=row.topic_id)

    def _say_gone(self, row_id: int, known_as: str, kind: str) -> None:
        if kind == "deleted":
            self._forget_comment(row_id, known_as)
        ref = {"comment": {"id": str(row_id), "created_at": known_as}}
        self._say("comment", row_id, f"comment.{kind}", ref, known_as=known_as)

    def _comment_stands(self, row: Any, audience: str, was: Standing | None) -> Standing:
        digest = hashlib.sha256(row.content.encode("utf-8", "replace")).hexdigest()
        known_as = written(row.date_created)
        if audience == PRIVATE and was and was.known_as == known_as:
            # New words in a room that has been closed are not ours to pass on.
            digest = was.digest
        return Standing(known_as, digest, not (row.hidden or row.topic_hidden or audience == PRIVATE))

    def _is_news(self, created: datetime) -> bool:
        return self.is_live or written(created) >= self.since

    def _told(self, kind: str, ids: Iterable[int]) -> dict[int, tuple[Standing, str]]:
        query = sa.select(told).where(told.c.kind == kind, told.c.row_id.in_(ids))
        return {
            row.row_id: (Standing(row.known_as, row.digest, row.is_shown), row.changed_at)
            for row in self.conn.execute(query)
        }

    def _keep(
        self,
        kind: str,
        row_id: int,
        old: tuple[Standing, str] | None,
        now: Standing | None,
        *,
        changed_at: str,
        topic_id: int | None = None,
    ) -> None:
        """Remember what was told; raise Overtaken where somebody else told it meanwhile: nothing is said twice."""
        which = [told.c.kind == kind, told.c.row_id == row_id]
        if old is not None:
            was = old[0]
            which += [told.c.known_as == was.known_as, told.c.digest == was.digest, told.c.is_shown == was.is_shown]
        values: dict[str, Any] = {"topic_id": topic_id, "changed_at": changed_at}
        if now == (old[0] if old else None) or (old is None and now is not None and not now.is_shown):
            return
        if now is None:
            done = self.conn.execute(sa.delete(told).where(*which)).rowcount
        elif old is None:
            values |= {"known_as": now.known_as, "digest": now.digest, "is_shown": now.is_shown}
            done = self.conn.execute(sa.insert(told).values(kind=kind, row_id=row_id, **values)).rowcount
        else:
            values |= {"known_as": now.known_as, "digest": now.digest, "is_shown": now.is_shown}
            done = self.conn.execute(sa.update(told).where(*which).values(**values)).rowcount
        if done != 1:
            raise Overtaken

    def _say(self, kind: str, row_id: int, type_: str, data: dict[str, Any], *, known_as: str = "") -> None:
        body = json.dumps({"type": type_, "timestamp": self.at, "data": data}, ensure_ascii=False)
        self.conn.execute(
            sa.insert(queue).values(
                delivery=f"flaskbb-{uuid.uuid4()}",
                type=type_,
                about=f"{kind}:{row_id}:{known_as}",
                body=body,
                queued_at=self.at,
                tries=0,
                not_before=0.0,
            )
        )
        self.count += 1

    def _forget_comment(self, row_id: int, known_as: str) -> None:
        """Let go of words that are still waiting: their author took them back before they were sent."""
        self.conn.execute(sa.delete(queue).where(queue.c.about == f"comment:{row_id}:{known_as}"))
        self.conn.execute(sa.delete(tags).where(tags.c.post_id == row_id, tags.c.created_at == known_as))

    def _audiences(self, forum_ids: Iterable[int]) -> dict[int, str]:
        wanted = set(forum_ids)
        query = (
            sa.select(forumgroups.c.forum_id, groups.c.role)
            .join(groups, groups.c.id == forumgroups.c.group_id)
            .where(forumgroups.c.forum_id.in_(wanted))
        )
        found: dict[int, set[str]] = {forum_id: set() for forum_id in wanted}
        for forum_id, role in self.conn.execute(query) if wanted else ():
            found[forum_id].add(str(role))
        return {forum_id: audience_of(kinds) for forum_id, kinds in found.items()}

    def _authors(self, rows: Iterable[Any]) -> dict[int, dict[str, Any]]:
        """Return what is said of these members, by their number."""
        people = {getattr(row, "user_id", None) or row.id: row for row in rows}
        if not people:
            return {}
        memberships = sa.union_all(
            sa.select(users.c.id.label("user_id"), users.c.primary_group_id.label("group_id")),
            sa.select(groups_users.c.user_id, groups_users.c.group_id),
        ).subquery()
        of: dict[int, list[Any]] = {}
        for row in self.conn.execute(
            sa.select(memberships.c.user_id, groups.c.name, groups.c.role)
            .join(groups, groups.c.id == memberships.c.group_id)
            .where(memberships.c.user_id.in_(people))
            .order_by(groups.c.id)
        ):
            of.setdefault(row.user_id, []).append(row)
        said = {
            row.user_id: row for row in self.conn.execute(sa.select(said_roles).where(said_roles.c.user_id.in_(people)))
        }
        authors = {}
        for user_id, row in people.items():
            name = identity(user_id, row.date_joined)
            types = said[user_id].types.split() if user_id in said and said[user_id].known_as == name else []
            theirs = of.get(user_id, [])
            authors[user_id] = {
                "id": name,
                "kind": "staff" if any(one.role in STAFF for one in theirs) else "member",
                "display_name": row.username,
                "profile_url": self._address("user.profile", username=row.username),
                "groups": list(dict.fromkeys(_clean(one.name) for one in theirs))[:50],
                "declared": roles.declared(types),
            }
        return authors

    def _discussion(self, row: Any, audience: str) -> dict[str, Any]:
        return {
            "id": identity(row.topic_id, row.topic_created),
            "title": _clean(row.title),
            "url": topic_address(self.found, row.topic_id, row.title),
            "kind": "topic",
            "published_at": written(row.topic_created),
            "audience": audience,
        }

    def _whole(
        self, row: Any, audience: str, author: dict[str, Any] | None, stands: Standing, worded_at: str
    ) -> dict[str, Any]:
        return {
            "comment": {
                "id": str(row.id),
                "url": self._address("forum.view_post", post_id=row.id),
                "created_at": stands.known_as,
                "updated_at": worded_at,
                "state": "visible" if stands.is_shown else "hidden",
                **self._words(row.content),
            },
            "discussion": self._discussion(row, audience),
            # Somebody who left is a guest to the forum, and their name is not ours to repeat.
            "author": author or {"kind": "guest"},
        }

    def _words(self, content: str) -> dict[str, str]:
        """Return the words as the forum shows them, or as they were typed where that would be too long."""
        html = _clean(self._rendered(content[:LONGEST_HTML])) if len(content) <= LONGEST_HTML else ""
        if html and len(html) <= LONGEST_HTML and len(json.dumps(html, ensure_ascii=False).encode()) <= 200_000:
            return {"html": html}
        return {"text": _clean(content)[:LONGEST_TEXT]}

    def _rendered(self, content: str) -> str:
        markup = current_app.jinja_env.filters["markup"]
        if has_request_context():
            return str(markup(content))
        with current_app.test_request_context(base_url=self.found.forum_url):
            return str(markup(content))

    def _address(self, endpoint: str, **values: Any) -> str:
        return self.found.address(current_app, endpoint, **values)


class Overtaken(Exception):  # noqa: N818 - named for the fact
    """Somebody else told the same news at the same moment; the next comparison will find nothing left."""


def topic_address(found: Settings, topic_id: int, title: str) -> str:
    """Return the address that a topic is known by, wherever we name it."""
    slug = Topic(title=title).slug
    values = {"slug": slug} if slug else {}
    return found.address(current_app, "forum.view_topic", topic_id=topic_id, **values)


def chunks_of_everything(conn: sa.Connection) -> Iterator[Touched]:
    """Yield every row of the forum, and every one that was told and is gone, a chunk at a time."""
    for kind, table in (("topic", topics), ("member", users), ("comment", posts)):
        for ids in _chunks(conn, sa.select(table.c.id.label("id"))):
            yield _as_touched(kind, ids)
        gone = sa.select(told.c.row_id.label("id")).where(
            told.c.kind == kind, ~sa.exists().where(table.c.id == told.c.row_id)
        )
        for ids in _chunks(conn, gone):
            yield _as_touched(kind, ids)


def _as_touched(kind: str, ids: list[int]) -> Touched:
    touched = Touched()
    {"comment": touched.posts, "topic": touched.topics, "member": touched.members}[kind].update(ids)
    return touched


def _chunks(conn: sa.Connection, query: sa.Select[int]) -> Iterator[list[int]]:
    listed = query.subquery()
    last = 0
    while True:
        ids = list(conn.scalars(sa.select(listed.c.id).where(listed.c.id > last).order_by(listed.c.id).limit(BATCH)))
        conn.rollback()
        if not ids:
            return
        yield ids
        last = ids[-1]


def _topic_query() -> sa.Select[Any]:
    return sa.select(
        topics.c.id,
        topics.c.id.label("topic_id"),
        topics.c.title,
        topics.c.forum_id,
        topics.c.date_created.label("topic_created"),
    )


def _post_query() -> sa.Select[Any]:
    return (
        sa.select(
            posts.c.id,
            posts.c.content,
            posts.c.date_created,
            posts.c.date_modified,
            posts.c.hidden,
            posts.c.topic_id,
            posts.c.user_id,
            topics.c.title,
            topics.c.hidden.label("topic_hidden"),
            topics.c.date_created.label("topic_created"),
            topics.c.forum_id,
            users.c.username,
            users.c.date_joined,
        )
        .join(topics, topics.c.id == posts.c.topic_id)
        .outerjoin(users, users.c.id == posts.c.user_id)
    )


def _note(session: Session, *_: Any) -> None:
    """Note which rows a flush wrote. The session still knows what was new, changed and deleted."""
    changed = [one for one in session.dirty if _is_changed(one)]
    for one in (*session.new, *changed, *session.deleted):
        touched = session.info.setdefault(KEY, Touched()) if type(one) in WATCHED else None
        if touched is None:
            continue
        if isinstance(one, Post):
            touched.posts.add(one.id)
        elif isinstance(one, Topic):
            only_title = one in session.dirty and not _is_changed(one, ("hidden", "forum_id"))
            (touched.topics if only_title or one in session.new else touched.whole).add(one.id)
        elif isinstance(one, User):
            touched.members.add(one.id)
        elif one not in session.new:
            touched.all = True


def _is_changed(one: Any, names: tuple[str, ...] | None = None) -> bool:
    attributes = sa.inspect(one).attrs
    return any(attributes[name].history.has_changes() for name in names or WATCHED.get(type(one), ()))


def _note_statement(executed: ORMExecuteState) -> None:
    """Note that a statement went past the session; which rows it meant, only a sweep can say."""
    if not (executed.is_update or executed.is_delete) or executed.bind_mapper is None:
        return
    # FlaskBB recounts its members' posts this way, and only ever deletes members one by one.
    if executed.bind_mapper.class_ in (Post, Topic, Forum):
        executed.session.info.setdefault(KEY, Touched()).all = True


def _digest(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _clean(text: str) -> str:
    """Return the text without what JSON may not hold: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
