"""What the keeping of error records goes by."""

from typing import Final

import msgspec

DAY: Final = 24 * 3600.0


class ErrorRecordsBound(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there are any, for how many seconds, and how many bytes.

    `size` is of all records of the node, `body` of what is kept of one answer.
    """

    enabled: bool = True
    keep: float = 3 * DAY
    size: int = 64 * 1024 * 1024
    body: int = 16 * 1024
