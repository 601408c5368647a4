"""What a community's pages show by one script: from which sites, and where on the page."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    with op.batch_alter_table("communities", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origins", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("places", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("compose_url", sa.Text(), nullable=True))


def downgrade() -> None:
    """Nobody goes back."""
    raise NotImplementedError
