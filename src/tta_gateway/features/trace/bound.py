"""What a worker needs to trace."""

import msgspec


class TraceBound(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to set yet: ids are always given."""
