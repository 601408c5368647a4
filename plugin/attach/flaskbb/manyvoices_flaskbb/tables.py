"""The plugin's own tables, in the forum's database.

Moments are text (`moments.written`): every database keeps them whole.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()
MOMENT = sa.String(27)
# MySQL's TEXT ends at 64 KiB.
LONG = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

# What is to be sent, oldest first; a row goes when it has arrived. `refused` is the answer that no retry would change:
# such a row stays for the owner to see, without its body.
queue = sa.Table(
    "manyvoices_queue",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery", sa.String(64), nullable=False, unique=True),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("about", sa.String(96), nullable=False, index=True),
    sa.Column("body", LONG, nullable=False),
    sa.Column("queued_at", MOMENT, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("not_before", sa.Float, nullable=False, default=0.0),
    sa.Column("refused", sa.Integer),
)

# What Many Voices was last told of each comment, topic and member: what differs from it is news. `known_as` is the
# moment a comment was created, or the name that a topic or a member goes by; `digest` of the words, never the words.
told = sa.Table(
    "manyvoices_told",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("known_as", sa.String(64), nullable=False),
    sa.Column("topic_id", sa.Integer, index=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("is_shown", sa.Boolean, nullable=False),
    sa.Column("changed_at", MOMENT, nullable=False),
)

# `since`: when the plugin came, and so what is history. `sender` and `sweep`: who is at it, and until when (seconds).
state = sa.Table(
    "manyvoices_state",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("value", sa.String(64), nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)

# Who a member says they are here, as they answered: the ids of stakeholder types, one space between.
roles = sa.Table(
    "manyvoices_roles",
    metadata,
    sa.Column("user_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("known_as", sa.String(64), nullable=False),
    sa.Column("types", sa.String(255), nullable=False),
)

# What Many Voices wrote back. A row whose `labels` are empty keeps an older `tag.set` from coming back.
tags = sa.Table(
    "manyvoices_tags",
    metadata,
    sa.Column("post_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("said_at", MOMENT, nullable=False),
)
notes = sa.Table(
    "manyvoices_notes",
    metadata,
    sa.Column("topic_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("known_as", sa.String(64), nullable=False),
    sa.Column("text", LONG, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("said_at", MOMENT, nullable=False),
)
links = sa.Table(
    "manyvoices_links",
    metadata,
    sa.Column("user_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("known_as", sa.String(64), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("said_at", MOMENT, nullable=False),
)
