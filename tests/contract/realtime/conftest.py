"""Every test of channels runs on the embedded Valkey and on Debian's Redis."""

from tests.helpers.valkey_kinds import kind, own, shared

__all__ = ["kind", "own", "shared"]
