"""Remember which fields a refusal named, so that the same key gets the whole answer again (D2)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column: sa.Column[object] = sa.Column(
        "fields", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
    )
    op.add_column("admissions", column)


def downgrade() -> None:
    op.drop_column("admissions", "fields")
