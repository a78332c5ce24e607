"""What a worker needs to write the access log."""

import msgspec


class AccessLogBound(msgspec.Struct, frozen=True, kw_only=True):
    """Where the lines go; `-` is standard output."""

    path: str = "-"
    enabled: bool = True
