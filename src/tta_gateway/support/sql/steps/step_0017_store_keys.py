"""Keys of what stands in a store for state that nodes share, and which erasures they have had."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the tables.  There is one row of keys, wrapped by the operator's."""
    op.create_table(
        "store_keys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table("store_erasures", sa.Column("id", sa.String(64), primary_key=True))
