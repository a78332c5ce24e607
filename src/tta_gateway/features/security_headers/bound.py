"""What a worker needs to add security headers."""

import msgspec


class SecurityHeadersBound(msgspec.Struct, frozen=True, kw_only=True):
    """Fields added where the service did not set them, and fields taken away always."""

    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
