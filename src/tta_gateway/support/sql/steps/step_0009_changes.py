"""Changes that two people make."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table.  Times are seconds of the epoch, 0 for never; nothing is ever deleted."""
    op.create_table(
        "two_person_changes",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.String(320), nullable=False),
        sa.Column("proposed", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("decided_by", sa.String(320), nullable=False),
        sa.Column("decided", sa.Double, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
