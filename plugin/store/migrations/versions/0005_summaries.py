"""What a summary was made from: keyed digests and places, never words."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "summary_receipts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("discussion_id", sa.Integer(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("lexicon", sa.String(length=64), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["discussion_id"],
            ["discussions.id"],
            name=op.f("fk_summary_receipts_discussion_id_discussions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_summary_receipts")),
    )
    op.create_index(op.f("ix_summary_receipts_discussion_id"), "summary_receipts", ["discussion_id"], unique=False)
    op.create_table(
        "summary_inputs",
        sa.Column("receipt_id", sa.Integer(), nullable=False),
        sa.Column("comment_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(length=64), nullable=True),
        sa.Column("tags", sa.String(length=64), nullable=True),
        sa.Column("about", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["summary_receipts.id"],
            name=op.f("fk_summary_inputs_receipt_id_summary_receipts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_summary_inputs_comment_id_comments"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("receipt_id", "comment_id", name=op.f("pk_summary_inputs")),
    )
    op.create_index(op.f("ix_summary_inputs_comment_id"), "summary_inputs", ["comment_id"], unique=False)
    op.create_table(
        "summary_lines",
        sa.Column("receipt_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("comment_id", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["summary_receipts.id"],
            name=op.f("fk_summary_lines_receipt_id_summary_receipts"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"], ["comments.id"], name=op.f("fk_summary_lines_comment_id_comments"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("receipt_id", "number", name=op.f("pk_summary_lines")),
    )
    op.create_index(op.f("ix_summary_lines_comment_id"), "summary_lines", ["comment_id"], unique=False)


def downgrade() -> None:
    """Nobody goes back: what was kept to be checked must not be lost."""
    raise NotImplementedError
