"""Whom administrators keep out."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0010"


def upgrade() -> None:
    """Make the table.  Times are seconds of the epoch; `lifted` is 0 where nobody has lifted it."""
    op.create_table(
        "shield_bans",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("since", sa.Double, primary_key=True),
        sa.Column("until", sa.Double, nullable=False, index=True),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("set_by", sa.String(320), nullable=False),
        sa.Column("lifted", sa.Double, nullable=False),
        sa.Column("lifted_by", sa.String(320), nullable=False),
    )
