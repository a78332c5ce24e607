"""Logins by way of providers: what counts once, and which sessions are of which session there."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables; both hold digests, and nothing that a provider has said."""
    op.create_table(
        "external_used",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("until", sa.Double, nullable=False),
    )
    op.create_table(
        "external_sessions",
        sa.Column("session_id", sa.String(36), primary_key=True),
        sa.Column("there", sa.LargeBinary, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
    )
    op.create_index("external_sessions_there", "external_sessions", ["there"])
