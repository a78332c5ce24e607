"""OAuth: clients, their secrets, codes, assertions that were shown; whose client a session is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make them.  Of secrets, codes and assertions only digests stand there.

    `terms` is what a client may do, in JSON.  `epoch` stands for all tokens of the client's own: it
    is another one once they are to count no more.
    """
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False, unique=True),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("epoch", sa.String(64), nullable=False),
    )
    op.create_table(
        "oauth_secrets",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        _client(),
        sa.Column("created", sa.Double, nullable=False),
    )
    _codes()
    op.create_table(
        "oauth_assertions",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("until", sa.Double, nullable=False, index=True),
    )
    op.add_column("sessions", sa.Column("client", sa.String(64), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("scope", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_sessions_client", "sessions", ["client"])


def _client() -> "sa.Column[str]":
    whose = sa.ForeignKey("oauth_clients.id")
    return sa.Column("client_id", sa.String(64), whose, nullable=False, index=True)


def _codes() -> None:
    op.create_table(
        "oauth_codes",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        _client(),
        sa.Column("user_id", sa.String(320), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("challenge", sa.String(64), nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("begun", sa.Double, nullable=False),
        sa.Column("methods", sa.String(256), nullable=False),
        sa.Column("proved", sa.Double, nullable=False),
        sa.Column("parent", sa.String(36), nullable=False),
        sa.Column("until", sa.Double, nullable=False, index=True),
        sa.Column("session_id", sa.String(36)),
    )
