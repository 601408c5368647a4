"""The desk at 100,000 insights: when a reply woke one."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("insights", schema=None) as batch_op:
        batch_op.add_column(sa.Column("woken_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Nobody goes back."""
    raise NotImplementedError
