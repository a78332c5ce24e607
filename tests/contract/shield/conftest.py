"""Tests here run on the embedded Valkey and on Debian's Redis, or on both databases."""

from tests.helpers.databases import postgres, url
from tests.helpers.valkey_kinds import kind, own, shared

__all__ = ["kind", "own", "postgres", "shared", "url"]
