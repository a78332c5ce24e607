"""Accounts: what is asked about them again elsewhere, invitations, and codes for passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables.  What others have given is sealed; of codes only digests stand here."""
    op.create_table(
        "rechecks",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(320), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("asked", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
    )
    op.create_table(
        "recheck_sessions",
        sa.Column("session_id", sa.String(36), primary_key=True),
        sa.Column("recheck_id", sa.String(36), nullable=False, index=True),
    )
    op.create_table(
        "account_codes",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("purpose", sa.String(16), nullable=False, index=True),
        sa.Column("user_id", sa.String(320), nullable=False, index=True),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("made_by", sa.String(320), nullable=False),
        sa.Column("until", sa.Double, nullable=False, index=True),
        sa.Column("used", sa.Double, nullable=True),
        sa.Column("used_by", sa.String(320), nullable=False),
    )
