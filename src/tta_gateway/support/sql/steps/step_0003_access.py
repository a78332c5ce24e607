"""Who cares for whom, and who has broken which glass."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables.  Times are seconds of the epoch; subjects are as tokens have them."""
    op.create_table(
        "care_relations",
        sa.Column("carer", sa.String(320), primary_key=True),
        sa.Column("person", sa.String(320), primary_key=True),
        sa.Column("granted", sa.Double, primary_key=True),
        sa.Column("until", sa.Double, nullable=False, index=True),
        sa.Column("granted_by", sa.String(320), nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("ended_by", sa.String(320)),
    )
    op.create_table(
        "break_glass",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("carer", sa.String(320), nullable=False),
        sa.Column("person", sa.String(320), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("opened", sa.Double, nullable=False, index=True),
        sa.Column("until", sa.Double, nullable=False),
        sa.Column("closed", sa.Double),
        sa.Column("closed_by", sa.String(320)),
    )
