"""Every test here runs on the embedded Valkey and on Debian's Redis, or on what does as they do."""

from tests.helpers.valkey_kinds import kind, own, shared

__all__ = ["kind", "own", "shared"]
