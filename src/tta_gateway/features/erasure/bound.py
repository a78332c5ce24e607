"""What workers are told of erasures, so that they let go of what they have of somebody."""

from typing import Final

import msgspec

ERASED: Final = "erasures"
"""The live section."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """Who has been erased of late: by the id of the erasure, as incidents name them."""

    people: dict[str, str]
