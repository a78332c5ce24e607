"""What issuing needs beside: failed logins, and when a revocation was written."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them.  A try's key is a keyed digest of a name or an address, so that none stands here.

    `changed` is by the clock of the database: nodes ask for what has changed since.
    """
    op.create_table(
        "login_tries",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last", sa.Double, nullable=False, index=True),
        sa.Column("waits_until", sa.Double, nullable=False),
    )
    op.add_column(
        "revocations", sa.Column("changed", sa.Double, nullable=False, server_default="0")
    )
    op.create_index("ix_revocations_changed", "revocations", ["changed"])
