"""The first release: the queue, what was told, who members say they are, and what was written back.

Revision ID: manyvoices_0001
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "manyvoices_0001"
down_revision = None
branch_labels = ("manyvoices_flaskbb",)
depends_on = None

MOMENT = sa.String(27)
LONG = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Make the tables, and remember from when on what happens is news."""
    op.create_table(
        "manyvoices_queue",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("delivery", sa.String(64), nullable=False, unique=True),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("about", sa.String(96), nullable=False),
        sa.Column("body", LONG, nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Float, nullable=False),
        sa.Column("refused", sa.Integer),
    )
    op.create_index("ix_manyvoices_queue_about", "manyvoices_queue", ["about"])
    op.create_table(
        "manyvoices_told",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("known_as", sa.String(64), nullable=False),
        sa.Column("topic_id", sa.Integer),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("is_shown", sa.Boolean, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
    )
    op.create_index("ix_manyvoices_told_topic_id", "manyvoices_told", ["topic_id"])
    state = op.create_table(
        "manyvoices_state",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
    op.create_table(
        "manyvoices_roles",
        sa.Column("user_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("known_as", sa.String(64), nullable=False),
        sa.Column("types", sa.String(255), nullable=False),
    )
    op.create_table(
        "manyvoices_tags",
        sa.Column("post_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("said_at", MOMENT, nullable=False),
    )
    op.create_table(
        "manyvoices_notes",
        sa.Column("topic_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("known_as", sa.String(64), nullable=False),
        sa.Column("text", LONG, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("said_at", MOMENT, nullable=False),
    )
    op.create_table(
        "manyvoices_links",
        sa.Column("user_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("known_as", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("said_at", MOMENT, nullable=False),
    )
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    op.bulk_insert(
        state,
        [
            {"name": "since", "value": now, "until": 0.0},
            {"name": "sender", "value": "", "until": 0.0},
            {"name": "sweep", "value": "", "until": 0.0},
        ],
    )


def downgrade() -> None:
    """Take the tables away, with what was not sent yet."""
    for table in ("links", "notes", "tags", "roles", "state", "told", "queue"):
        op.drop_table(f"manyvoices_{table}")
