"""The tables of incidents in SQL (support/sql/steps has what made them, and what columns say)."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

META: Final = MetaData()
CLOCK: Final = Table(
    "incident_clock", META, Column("id", Integer, primary_key=True), Column("number", BigInteger)
)
NODES: Final = Table(
    "incident_nodes",
    META,
    Column("node", String(64), primary_key=True),
    Column("name", Text),
    Column("ends", Double),
)
INCIDENTS: Final = Table(
    "incidents",
    META,
    Column("id", String(64), primary_key=True),
    Column("person", Text),
    Column("drill", Boolean),
    Column("open", Boolean),
    Column("alarming", Boolean),
    Column("level", Integer),
    Column("opened", Double),
    Column("owner", String(64)),
    Column("token", BigInteger),
    Column("held", BigInteger),
    Column("part_of", String(64)),
    Column("changed", BigInteger),
    Column("over", Double),
    Column("sealed", Boolean),
    Column("key", String(32)),
    Column("body", LargeBinary),
)
REPORTS: Final = Table(
    "incident_reports",
    META,
    Column("id", Text, primary_key=True),
    Column("incident", String(64)),
    Column("node", String(64)),
    Column("at", Double),
    Column("taken", Boolean),
    Column("sealed", Boolean),
    Column("key", String(32)),
    Column("body", LargeBinary),
)
NOTICES: Final = Table(
    "incident_notices",
    META,
    Column("call", String(64), primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("incident", String(64)),
    Column("number", Integer),
    Column("level", Integer),
    Column("confirmed", Double),
)
ACTS: Final = Table(
    "incident_acts",
    META,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger),
    Column("incident", String(64)),
    Column("does", String(32)),
    Column("done_by", Text),
    Column("at", Double),
    Column("given_to", Text),
    Column("text", Text),
    Column("node", String(64)),
    Column("taken", Boolean),
    Column("sealed", Boolean),
    Column("body", LargeBinary),
    Column("level", Integer),
    Column("seen", BigInteger),
    Column("token", BigInteger),
)
KEYS: Final = Table(
    "incident_keys",
    META,
    Column("id", String(32), primary_key=True),
    Column("person", String(64)),
    Column("wrapped_by", String(16)),
    Column("wrapped", LargeBinary),
)
ERASURES: Final = Table(
    "incident_erasures",
    META,
    Column("id", Text, primary_key=True),
    Column("person", Text),
    Column("at", Double),
)
