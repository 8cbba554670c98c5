"""Keep names of directory roles in their encrypted documents alone: they are tenant data (D9)."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("directory_role_definitions", "display_name")


def downgrade() -> None:
    # The names themselves are in the contents; nobody but a sync can put them back.
    column: sa.Column[object] = sa.Column(
        "display_name", sa.Text(), server_default=sa.text("''"), nullable=False
    )
    op.add_column("directory_role_definitions", column)
    op.alter_column("directory_role_definitions", "display_name", server_default=None)
