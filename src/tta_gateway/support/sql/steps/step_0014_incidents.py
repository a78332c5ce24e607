"""Incidents of all nodes, and which of them goes on with each."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the tables.

    `incident_clock` is one row: whoever changes anything locks it, and counts.  `token` is higher
    with each node that has had an incident, `held` is of the last that has said that it has it.
    Reports and acts are `taken` once the node that has their incident knows of them.
    """
    clock = op.create_table(
        "incident_clock",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(clock, [{"id": 1, "number": 0}])
    op.create_table(
        "incident_nodes",
        sa.Column("node", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("person", sa.Text, nullable=False, index=True),
        sa.Column("drill", sa.Boolean, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False, index=True),
        sa.Column("alarming", sa.Boolean, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("opened", sa.Double, nullable=False, index=True),
        sa.Column("owner", sa.String(64), nullable=False, index=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("part_of", sa.String(64), nullable=False, index=True),
        sa.Column("changed", sa.BigInteger, nullable=False, index=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    _of_incidents()


def _of_incidents() -> None:
    op.create_table(
        "incident_reports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("incident", sa.String(64), nullable=False, index=True),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("taken", sa.Boolean, nullable=False, index=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "incident_notices",
        sa.Column("call", sa.String(64), primary_key=True),
        sa.Column("contact", sa.Text, primary_key=True),
        sa.Column("incident", sa.String(64), nullable=False, index=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("confirmed", sa.Double, nullable=False),
    )
    op.create_table(
        "incident_acts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, index=True),
        sa.Column("incident", sa.String(64), nullable=False, index=True),
        sa.Column("does", sa.String(32), nullable=False),
        sa.Column("done_by", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("given_to", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("taken", sa.Boolean, nullable=False, index=True),
    )
