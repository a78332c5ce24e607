"""Second factors of users, the codes that stand in for a lost one, and what has been used up."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables.  Times are seconds of the epoch.

    `secret` is sealed, and of one-time codes alone; `counter` is the step of the last code that has
    counted, or what a key says of how often it has signed.
    """
    op.create_table(
        "factors",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(320), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("used", sa.Double),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("credential", sa.LargeBinary, unique=True),
        sa.Column("public_key", sa.LargeBinary),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.String(320), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
    )
    op.create_table(
        "spent_challenges",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("until", sa.Double, nullable=False, index=True),
    )
    op.add_column("sessions", sa.Column("proved", sa.Double, nullable=False, server_default="0"))
