"""Users who log in by way of a service: their ids are subjects, which are longer than ours."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
_IDS = (("users", "id"), ("user_roles", "user_id"), ("sessions", "user_id"))


def upgrade() -> None:
    """Make room.  `called` is the name that somebody logs in with elsewhere; else it is empty."""
    op.add_column("users", sa.Column("called", sa.String(512), nullable=False, server_default=""))
    if op.get_bind().dialect.name != "postgresql":
        return  # SQLite keeps texts of any length
    for table, column in _IDS:
        op.alter_column(table, column, type_=sa.String(320))
