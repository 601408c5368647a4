"""What a forum is told back, which host of a community need not be public, and the practice forum's own copy."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "practice_told",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("about", sa.String(length=255), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practice_told")),
        sa.UniqueConstraint("about", name=op.f("uq_practice_told_about")),
    )
    op.create_table(
        "write_backs",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("community_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), server_default="1", nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("tried", sa.String(length=64), nullable=True),
        sa.Column("told", sa.String(length=64), nullable=True),
        sa.Column("message_id", sa.String(length=128), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id"],
            ["communities.id"],
            name=op.f("fk_write_backs_community_id_communities"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_backs")),
        sa.UniqueConstraint("community_id", "kind", "key", name=op.f("uq_write_backs_community_id_kind_key")),
    )
    op.create_index(op.f("ix_write_backs_community_id"), "write_backs", ["community_id"], unique=False)
    with op.batch_alter_table("communities", schema=None) as batch_op:
        batch_op.add_column(sa.Column("private_host", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("write_back_stopped_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("write_back_stop_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    """Nobody goes back: what people agreed to must not be lost."""
    raise NotImplementedError
