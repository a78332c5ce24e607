"""What a worker needs to word its own errors."""

import msgspec


class ProblemBound(msgspec.Struct, frozen=True, kw_only=True):
    """`base` begins the `type` URI of each problem; `message` adds a string of that name."""

    base: str = "about:blank"
    message: bool = False
