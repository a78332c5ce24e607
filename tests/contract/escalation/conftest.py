"""Letters of the guard are posted to the embedded Valkey and to Debian's Redis."""

from tests.helpers.valkey_kinds import kind, own, shared

__all__ = ["kind", "own", "shared"]
