"""Who there is, what they may, their sessions, and the keys that sign for them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables.  Times are seconds of the epoch; ids are UUIDv7 as text."""
    _users()
    _sessions()
    _proofs()


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("provider", sa.String(64), nullable=False),  # empty: of the gateway's own
        sa.Column("name", sa.String(256), nullable=False),  # in lower case; a subject elsewhere
        sa.Column("password", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.UniqueConstraint("provider", "name"),
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("role", sa.String(64), primary_key=True),
        sa.Column("granted_by", sa.String(36), nullable=False),
        sa.Column("granted", sa.Double, nullable=False),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("begun", sa.Double, nullable=False),
        sa.Column("used", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
        sa.Column("methods", sa.String(256), nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("why_ended", sa.String(32)),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column(
            "session_id", sa.String(36), sa.ForeignKey("sessions.id"), nullable=False, index=True
        ),
        sa.Column("issued", sa.Double, nullable=False),
        sa.Column("used", sa.Double),
    )


def _proofs() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("private", sa.LargeBinary, nullable=False),  # sealed
        sa.Column("signs_from", sa.Double, nullable=False),
        sa.Column("proves_until", sa.Double),
    )
    op.create_table(
        "revocations",
        sa.Column("kind", sa.String(16), primary_key=True),  # session, subject, token
        sa.Column("value", sa.String(320), primary_key=True),
        sa.Column("before", sa.Double, nullable=False),  # what was issued until then counts no more
        sa.Column("until", sa.Double, nullable=False, index=True),  # when nothing of it can be left
    )
