"""The tables of OAuth, as this version asks them; support/sql/steps makes them."""

from typing import Final

import sqlalchemy as sa

_ALL: Final = sa.MetaData()
CLIENTS: Final = sa.Table(
    "oauth_clients",
    _ALL,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("terms", sa.Text),
    sa.Column("state", sa.String),
    sa.Column("created", sa.Double),
    sa.Column("epoch", sa.String),
)
SECRETS: Final = sa.Table(
    "oauth_secrets",
    _ALL,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("client_id", sa.String),
    sa.Column("created", sa.Double),
)
CODES: Final = sa.Table(
    "oauth_codes",
    _ALL,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("client_id", sa.String),
    sa.Column("user_id", sa.String),
    sa.Column("redirect_uri", sa.Text),
    sa.Column("challenge", sa.String),
    sa.Column("scope", sa.Text),
    sa.Column("nonce", sa.Text),
    sa.Column("begun", sa.Double),
    sa.Column("methods", sa.String),
    sa.Column("proved", sa.Double),
    sa.Column("parent", sa.String),
    sa.Column("until", sa.Double),
    sa.Column("session_id", sa.String),
)
ASSERTIONS: Final = sa.Table(
    "oauth_assertions",
    _ALL,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("until", sa.Double),
)
