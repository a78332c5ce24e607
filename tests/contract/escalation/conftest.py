"""Letters are posted to Valkey and to Redis; incidents of all nodes stand in both databases."""

from tests.helpers.databases import postgres, url
from tests.helpers.valkey_kinds import kind, own, shared

__all__ = ["kind", "own", "postgres", "shared", "url"]
