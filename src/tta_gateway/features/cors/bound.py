"""What a worker needs to answer browsers about other origins."""

import msgspec


class CorsBound(msgspec.Struct, frozen=True, kw_only=True):
    """Which pages of other origins may ask, and for what.  No origins: the feature is off."""

    origins: tuple[str, ...] = ()
    credentials: bool = False
    methods: tuple[str, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: tuple[str, ...] = ()  # empty: those that the preflight asks for
    expose: tuple[str, ...] = ("x-crisis-support",)  # whatever the operator writes
    max_age: int = 600  # seconds
