"""Incidents are sealed, and what is over is kept for so long."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make room for it; rows that are not `sealed` yet the gateway seals itself: it has the keys.

    `over` is since when an incident is over, and empty where an older version wrote it.  `key` is
    the id of what has sealed a row; `person` is a mark of whom a key is, empty for what marks are
    made with.  `text` and `given_to` of acts are empty once they stand in `body`.
    """
    op.add_column("incidents", sa.Column("over", sa.Double, nullable=True))
    op.create_index("ix_incidents_over", "incidents", ["over"])
    for table in ("incidents", "incident_reports", "incident_acts"):
        sealed = sa.Column("sealed", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column(table, sealed)
    for table in ("incidents", "incident_reports"):
        key = sa.Column("key", sa.String(32), nullable=False, server_default="")
        op.add_column(table, key)
    op.add_column("incident_acts", sa.Column("body", sa.LargeBinary, nullable=True))
    op.create_table(
        "incident_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False, unique=True),
        sa.Column("wrapped_by", sa.String(16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "incident_erasures",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False, index=True),
        sa.Column("at", sa.Double, nullable=False),
    )
