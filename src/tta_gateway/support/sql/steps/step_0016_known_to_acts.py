"""Acts say what whoever did something could know of the incident."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make room for its level, the sum of its reports, and its token; 0: an older version did."""
    for name, kind in (("level", sa.Integer), ("seen", sa.BigInteger), ("token", sa.BigInteger)):
        column = sa.Column(name, kind, nullable=False, server_default="0")
        op.add_column("incident_acts", column)
