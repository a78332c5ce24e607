"""A PostgreSQL of Debian's."""

from tests.helpers.databases import postgres

__all__ = ["postgres"]
