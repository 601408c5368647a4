"""Every table we own.

People's words stand in `comments.text`, and until they are posted in `kept_words`, where only their writer's link
opens them. They stand nowhere else for longer than a job takes.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """What Flask-Security's models are built on; its metadata holds all our tables."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


metadata = Base.metadata


class Moment(sa.types.TypeDecorator[datetime]):
    """A point in time, kept in UTC; SQLite has no time zones of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return the moment in UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Return the moment as an aware datetime in UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _of(name: str, table: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable, index=True)


def _when(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Moment, nullable=nullable)


communities = sa.Table(
    "communities",
    metadata,
    _id(),
    sa.Column("slug", sa.String(64), nullable=False, unique=True),
    sa.Column("platform", sa.String(32), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("sign_up_url", sa.Text, nullable=False),
    sa.Column("sign_in_url", sa.Text, nullable=False),
    sa.Column("editorial_address", sa.Text, nullable=False),
    sa.Column("moderators_address", sa.Text, nullable=False),
    # notice: a public comment may be read by its own community's editors; ask: nothing goes before its author agrees.
    sa.Column("forwarding", sa.String(16), nullable=False, server_default="notice"),
    sa.Column("wait_minutes", sa.Integer, nullable=False, server_default="15"),
    sa.Column("expected_types", sa.JSON, nullable=False),
    sa.Column("is_practice", sa.Boolean, nullable=False, server_default=sa.false()),
    # How its panel asks a guest, in its own words; empty: our wording.
    sa.Column("question", sa.Text),
    # Where help is, by kind of need; what is not in here has the default of plugin/doors.py.
    sa.Column("doors", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("time_zone", sa.String(64), nullable=False, server_default="Europe/London"),
    # none, or consented: whether a tag may stand beside a comment once its author agreed.
    sa.Column("public_tags", sa.String(16), nullable=False, server_default="none"),
    # Where the forum takes what we tell it back: docs/standard-webhooks.md.
    sa.Column("write_back_url", sa.Text),
    # Further sites of its own, beside its home, that may show the panel and ask for tags: /embed.js.
    sa.Column("origins", sa.JSON, nullable=False, server_default="[]"),
    # Where on its pages things stand, by the names of plugin/embedding.py; what is not in here is the platform's.
    sa.Column("places", sa.JSON, nullable=False, server_default="{}"),
    # Where its forum takes words for its own reply form, with {discussion} for the id of one.
    sa.Column("compose_url", sa.Text),
    # Whether it is also told who speaks in a discussion, in a note for its moderators alone.
    sa.Column("staff_notes", sa.Boolean, nullable=False, server_default=sa.false()),
    # The one host that need not be public and may do without https.
    sa.Column("private_host", sa.Text),
    # The forum refused our signature: nothing more goes there before somebody says so.
    _when("write_back_stopped_at", nullable=True),
    sa.Column("write_back_stop_reason", sa.Text),
    _when("created_at"),
)

# Sealed with a key from MANYVOICES_SECRET_KEY. Several are live at once while a forum changes over.
community_secrets = sa.Table(
    "community_secrets",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("sealed", sa.Text, nullable=False),
    _when("created_at"),
    _when("retires_at", nullable=True),
)

# `record` is the allow-listed event between the door and the worker; it is emptied when the event is done.
events = sa.Table(
    "events",
    metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    _of("community_id", "communities"),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("record", sa.JSON(none_as_null=True)),
    sa.Column("status", sa.String(16), nullable=False, server_default="received"),
    sa.Column("comment_id", sa.ForeignKey("comments.id", ondelete="SET NULL"), index=True),
    _when("received_at"),
    _when("done_at", nullable=True),
)

discussions = sa.Table(
    "discussions",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("native_id", sa.String(128), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("audience", sa.String(16), nullable=False),
    _when("published_at", nullable=True),
    # When the forum said so: an older telling never overwrites a newer one.
    _when("told_at"),
    sa.UniqueConstraint("community_id", "native_id"),
    sa.Index("ix_discussions_url", "community_id", "url"),
)

# `native_id` is empty for a guest or an anonymous author: each of their comments has an author of its own.
authors = sa.Table(
    "authors",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("native_id", sa.String(128)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("display_name", sa.Text),
    sa.Column("profile_url", sa.Text),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("declared", sa.JSON, nullable=False),
    _when("told_at"),
    _when("left_at", nullable=True),
    sa.UniqueConstraint("community_id", "native_id"),
)

# A comment is (community, native_id, created_at). Its state follows from the three times below, whatever
# order they arrive in: deleted unless an approval came later; else the newest of what was said of it.
comments = sa.Table(
    "comments",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("native_id", sa.String(128), nullable=False),
    _when("created_at"),
    _of("discussion_id", "discussions", nullable=True),
    _of("author_id", "authors", nullable=True),
    sa.Column("parent_native_id", sa.String(128)),
    sa.Column("url", sa.Text),
    sa.Column("text", sa.Text),
    _when("text_at", nullable=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("shown_state", sa.String(16)),
    _when("shown_at", nullable=True),
    _when("approved_at", nullable=True),
    _when("deleted_at", nullable=True),
    sa.Column("source", sa.String(16), nullable=False),
    _when("received_at"),
    # Nothing of it is forwarded before its author agrees, whatever the community's setting: direct and kept words.
    sa.Column("is_asked", sa.Boolean, nullable=False, server_default=sa.false()),
    # A program may have sent it: a person has to look first.
    _when("held_at", nullable=True),
    # Its author had it erased: it is refused from every source for good.
    _when("erased_at", nullable=True),
    sa.UniqueConstraint("community_id", "native_id", "created_at"),
    # All that counting needs: without it, every count reads past everybody's words.
    sa.Index("ix_comments_counted", "community_id", "state", "created_at", "author_id", "discussion_id", "text_at"),
)

# Append-only. Evidence is kept as a place in the comment's text, not as a second copy of the words.
tag_decisions = sa.Table(
    "tag_decisions",
    metadata,
    _id(),
    _of("comment_id", "comments"),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text),
    _when("text_at", nullable=True),
    sa.Column("start", sa.Integer),
    sa.Column("end", sa.Integer),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("frame", sa.String(64), nullable=False),
    sa.Column("flags", sa.JSON, nullable=False),
    _when("decided_at"),
)

insights = sa.Table(
    "insights",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("comment_id", sa.ForeignKey("comments.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("is_insight", sa.Boolean, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("is_urgent", sa.Boolean, nullable=False),
    sa.Column("urgent_evidence", sa.JSON, nullable=False),
    _when("text_at"),
    _when("found_at"),
    sa.Column("state", sa.String(16), nullable=False, server_default="new"),
    # When it first lay on the editors' desk; empty for as long as nothing lets them read it.
    _when("on_desk_at", nullable=True),
    # Counts what was done with it at the desk, so that nobody overwrites what they have not seen.
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    # Whose it is, of `staff_users`; emptied when their account goes. SQLite cannot add a foreign key to a table.
    sa.Column("assignee_id", sa.Integer, index=True),
    # Out of the way until then, or until a reply to the comment; `is_snoozed` without a moment: until a reply only.
    sa.Column("is_snoozed", sa.Boolean, nullable=False, server_default=sa.false()),
    _when("snoozed_until", nullable=True),
    # When a reply or an edit last brought it back from there, for whoever has it and reads a digest.
    _when("woken_at", nullable=True),
    sa.Index("ix_insights_desk", "community_id", "is_snoozed", "state", "on_desk_at"),
    sa.Index("ix_insights_urgent", "community_id", "is_urgent", "state"),
    sa.Index("ix_insights_found", "community_id", "found_at"),
)

# Append-only: what was done with an insight (plugin/outcomes.py has the table of steps). The newest row's state is
# also in `insights.state`. `title` and `link` say where it was used, `body` who it was passed to.
insight_steps = sa.Table(
    "insight_steps",
    metadata,
    _id(),
    _of("insight_id", "insights"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("link", sa.Text),
    sa.Column("body", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("by", sa.String(128), nullable=False),
    _when("at"),
)

# Append-only: what the author of a comment agreed to, and when they took it back. `wording` is the version they read.
receipts = sa.Table(
    "receipts",
    metadata,
    _id(),
    _of("comment_id", "comments"),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("given", sa.Boolean, nullable=False),
    sa.Column("wording", sa.String(16), nullable=False),
    _when("at"),
)

# Append-only: how an author wants to be credited. A chosen name is sealed.
credits = sa.Table(
    "credits",
    metadata,
    _id(),
    _of("comment_id", "comments"),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("sealed_name", sa.Text),
    _when("at"),
)

# The links that open somebody's own page: the digest of each, never the link.
private_links = sa.Table(
    "private_links",
    metadata,
    _id(),
    _of("author_id", "authors"),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    _when("created_at"),
    _when("expires_at", nullable=True),
)

# Where a contributor wants to be told, sealed. Nothing but the request to confirm goes there before `verified_at`.
addresses = sa.Table(
    "addresses",
    metadata,
    _id(),
    sa.Column("author_id", sa.ForeignKey("authors.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("sealed", sa.Text, nullable=False),
    # each, daily, weekly, or never.
    sa.Column("frequency", sa.String(16), nullable=False),
    _when("asked_at"),
    _when("verified_at", nullable=True),
    # The last step that they were told of.
    sa.Column("told_up_to", sa.Integer, nullable=False, server_default="0"),
    _when("told_at", nullable=True),
)

# Words that somebody keeps while they sign up, under a key that stands in their link only: `digest` finds the row,
# the rest of it is closed to us. `url` is the page they came from.
kept_words = sa.Table(
    "kept_words",
    metadata,
    _id(),
    _of("community_id", "communities"),
    _of("discussion_id", "discussions", nullable=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    _when("kept_at"),
    _when("expires_at"),
)

# What was chosen for kept words, waiting for the comment with the same fingerprint; the choice is sealed.
kept_marks = sa.Table(
    "kept_marks",
    metadata,
    _id(),
    _of("discussion_id", "discussions"),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    _when("expires_at"),
    sa.UniqueConstraint("discussion_id", "fingerprint"),
)

# Rows waiting to be sent, one for each recipient; `status` is one of waiting, sending, sent, withheld, failed,
# recalled. A mail to a contributor names them in `author_id`: their address is read when it is sent.
outbox = sa.Table(
    "outbox",
    metadata,
    _id(),
    _of("community_id", "communities"),
    # A recall outlives the insight that it recalls.
    sa.Column("insight_id", sa.ForeignKey("insights.id", ondelete="SET NULL"), index=True),
    _of("author_id", "authors", nullable=True),
    sa.Column("recalls_id", sa.ForeignKey("outbox.id", ondelete="SET NULL"), index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("message_id", sa.String(255), nullable=False, unique=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("may_be_double", sa.Boolean, nullable=False, server_default=sa.false()),
    # Counts how often it was put up for sending: a comment may be hidden and shown again.
    sa.Column("round", sa.Integer, nullable=False, server_default="1"),
    _when("created_at"),
    _when("finished_at", nullable=True),
    # For a recall: who said that their copy is gone.
    _when("confirmed_at", nullable=True),
    sa.Column("confirmed_by", sa.String(128)),
    # For news: the last step that it tells of. For a recall: which round of the mail it recalls. For a program: the
    # number of the insight, which it has to be told even when the insight itself is gone.
    sa.Column("up_to", sa.Integer),
)

# How often an invitation was shown and chosen, how many joined and posted: figures per day, never a person.
# `discussion_id` is 0 for the community as a whole: an empty place would not be unique.
prompt_counts = sa.Table(
    "prompt_counts",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("discussion_id", sa.Integer, nullable=False, server_default="0"),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("step", sa.String(16), nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.UniqueConstraint("community_id", "discussion_id", "day", "step"),
)

# What a forum is told back, one row for each thing it is told about: `key` is `comment:<id>`, `discussion:<id>` or
# `author:<id>`. `status` is one of waiting, sending, done, withheld, held, failed. `tried` is the keyed digest of the
# state that was last sent, `told` of the last one that was taken: where they differ, the forum may know either.
write_backs = sa.Table(
    "write_backs",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    # Counts how often it was put up, so that the job of an older state knows that it is one.
    sa.Column("round", sa.Integer, nullable=False, server_default="1"),
    # What only we know and the forum has yet to hear: a note to its moderators, a private link. Emptied once it went.
    sa.Column("sealed", sa.Text),
    sa.Column("tried", sa.String(64)),
    sa.Column("told", sa.String(64)),
    sa.Column("message_id", sa.String(128)),
    _when("tried_at", nullable=True),
    _when("created_at"),
    _when("finished_at", nullable=True),
    sa.UniqueConstraint("community_id", "kind", "key"),
)

# What a comment's newest words were read with: the list of theme words (its digest) and the version of the words.
# A comment with another digest, or none, is read again.
theme_readings = sa.Table(
    "theme_readings",
    metadata,
    sa.Column("comment_id", sa.ForeignKey("comments.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    _when("text_at"),
)

# What each comment is about, so that it is counted without opening a comment: its themes, or `none`.
comment_themes = sa.Table(
    "comment_themes",
    metadata,
    sa.Column("comment_id", sa.ForeignKey("comments.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("theme", sa.String(64), primary_key=True),
    sa.Index("ix_comment_themes_theme", "theme", "comment_id"),
    sqlite_with_rowid=False,
)

# Where something that could identify a person stands in a comment: places, never the words.
personal_data = sa.Table(
    "personal_data",
    metadata,
    _id(),
    _of("comment_id", "comments"),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
)

# Every list of theme words that a comment was ever read with, by the digest of its content: an old summary verifies.
theme_lexicons = sa.Table(
    "theme_lexicons",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("content", sa.JSON, nullable=False),
)

# Append-only: the lists that a community's moderators made, the newest in use. Version 0 comes with the program.
theme_versions = sa.Table(
    "theme_versions",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.ForeignKey("theme_lexicons.digest"), nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    _when("made_at"),
    sa.UniqueConstraint("community_id", "version"),
)

# A moderator has dealt with a comment in a queue (urgent, personal). Other words bring it back: `text_at`.
queue_marks = sa.Table(
    "queue_marks",
    metadata,
    _id(),
    _of("comment_id", "comments"),
    sa.Column("queue", sa.String(16), nullable=False),
    _when("text_at"),
    sa.Column("by", sa.String(128), nullable=False),
    _when("at"),
    sa.UniqueConstraint("comment_id", "queue", "text_at"),
)

# What a summary was made from when a moderator kept it: keyed digests and places, never words.
summary_receipts = sa.Table(
    "summary_receipts",
    metadata,
    _id(),
    _of("discussion_id", "discussions"),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("lexicon", sa.String(64), nullable=False),
    # How many comments went in: the row of one that was erased since is gone.
    sa.Column("comments", sa.Integer, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    _when("made_at"),
)

# One comment that went into a summary. Its digests are emptied when its words go.
summary_inputs = sa.Table(
    "summary_inputs",
    metadata,
    sa.Column("receipt_id", sa.ForeignKey("summary_receipts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("comment_id", sa.ForeignKey("comments.id", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("words", sa.String(64)),
    sa.Column("tags", sa.String(64)),
    sa.Column("about", sa.String(64)),
)

# One line of a summary: its place in a comment, and a digest of the place and the words.
summary_lines = sa.Table(
    "summary_lines",
    metadata,
    sa.Column("receipt_id", sa.ForeignKey("summary_receipts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    _of("comment_id", "comments"),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(64)),
)

# Whom the author of an insight said they are, by the newest words and decisions: what the desk is filtered by. It
# follows from `tag_decisions`, and is written where they are.
insight_types = sa.Table(
    "insight_types",
    metadata,
    sa.Column("insight_id", sa.ForeignKey("insights.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("type", sa.String(64), primary_key=True),
    sa.Index("ix_insight_types_type", "type", "insight_id"),
    sqlite_with_rowid=False,
)

# Two insights that say the same, for as long as they are merged: what is done with `into_id` is done with both. Their
# own rows, consents and credits are left as they are, so that taking them apart needs no more than this row to go.
insight_merges = sa.Table(
    "insight_merges",
    metadata,
    sa.Column("insight_id", sa.ForeignKey("insights.id", ondelete="CASCADE"), primary_key=True),
    _of("into_id", "insights"),
    sa.Column("by", sa.String(128), nullable=False),
    _when("at"),
)

# What editors write to one another about an insight, sealed: it never leaves the desk.
desk_notes = sa.Table(
    "desk_notes",
    metadata,
    _id(),
    _of("insight_id", "insights"),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    _when("at"),
)

# What editors answered the author of an insight, sealed: it stands on the author's own page.
desk_replies = sa.Table(
    "desk_replies",
    metadata,
    _id(),
    _of("insight_id", "insights"),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    _when("at"),
)

# Replies that a community's editors wrote once and use often, with places for what differs: plugin/replying.py.
saved_replies = sa.Table(
    "saved_replies",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("title", sa.String(100), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    _when("at"),
    sa.UniqueConstraint("community_id", "title"),
)

# Filters of the desk under a name: somebody's own, or for all editors of the communities that they may see.
saved_views = sa.Table(
    "saved_views",
    metadata,
    _id(),
    sa.Column("user_id", sa.ForeignKey("staff_users.id", ondelete="CASCADE"), nullable=False, index=True),
    _of("community_id", "communities", nullable=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    _when("at"),
    sa.UniqueConstraint("user_id", "name"),
)

# Who has an insight open, for the notice that somebody else does.
desk_presence = sa.Table(
    "desk_presence",
    metadata,
    sa.Column("insight_id", sa.ForeignKey("insights.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("staff_users.id", ondelete="CASCADE"), primary_key=True),
    _when("at"),
    sqlite_with_rowid=False,
)

# How each editor wants to hear of new insights: `frequency` is each, daily, weekly or never. No row: never, because
# the community's editorial address has them each as they come. `told_up_to` is when what they were last told of came.
desk_letters = sa.Table(
    "desk_letters",
    metadata,
    sa.Column("user_id", sa.ForeignKey("staff_users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("frequency", sa.String(16), nullable=False),
    sa.Column("hour", sa.Integer, nullable=False, server_default="8"),
    _when("told_up_to"),
)

# Programs that are told of insights by signed webhooks. The secret is sealed.
receivers = sa.Table(
    "receivers",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    _when("created_at"),
    _when("stopped_at", nullable=True),
    sa.Column("stop_reason", sa.Text),
    sa.UniqueConstraint("community_id", "name"),
)

# Who else is told of which insights: every condition that is set must hold. `target` is mail:<user>, assign:<user> or
# webhook:<receiver>.
routes = sa.Table(
    "routes",
    metadata,
    _id(),
    _of("community_id", "communities"),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("conditions", sa.JSON, nullable=False),
    sa.Column("target", sa.String(64), nullable=False),
    sa.Column("by", sa.String(128), nullable=False),
    _when("at"),
    sa.UniqueConstraint("community_id", "name"),
)

# What lets a person's program use the desk: the digest of each token, never the token.
api_tokens = sa.Table(
    "api_tokens",
    metadata,
    _id(),
    sa.Column("user_id", sa.ForeignKey("staff_users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("may_write", sa.Boolean, nullable=False),
    _when("created_at"),
    _when("expires_at"),
    _when("used_at", nullable=True),
)

# Append-only: who did what, with keyed digests of what was there before and after, never the words. `link` signs the
# row together with the one before it: a row that is changed or taken out breaks the chain. So a row outlives its
# community, and `community_id` is a number only.
audit_trail = sa.Table(
    "audit_trail",
    metadata,
    _id(),
    sa.Column("community_id", sa.Integer, index=True),
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("act", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("before", sa.String(64)),
    sa.Column("after", sa.String(64)),
    sa.Column("link", sa.String(64), nullable=False),
    _when("at"),
    sa.Index("ix_audit_trail_subject", "subject"),
)

# How a polled forum is asked: where its interface is, the keys (sealed), its own settings, and where the poll stands.
connections = sa.Table(
    "connections",
    metadata,
    sa.Column("community_id", sa.ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("api_url", sa.Text, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("cursor", sa.JSON, nullable=False),
    _when("polled_at", nullable=True),
    _when("stopped_at", nullable=True),
    sa.Column("stop_reason", sa.Text),
    # Until when the turns are taken, by whichever of our programs asks.
    _when("taken_until", nullable=True),
)

# How far the reading of a whole forum got, so that it goes on where it was killed. One a community.
backfills = sa.Table(
    "backfills",
    metadata,
    sa.Column("community_id", sa.ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True),
    _when("since", nullable=True),
    sa.Column("cursor", sa.JSON, nullable=False),
    # Of what the forum shows; `found` of it were comments that we did not know.
    sa.Column("read", sa.Integer, nullable=False),
    sa.Column("found", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer),
    _when("started_at"),
    _when("finished_at", nullable=True),
)
