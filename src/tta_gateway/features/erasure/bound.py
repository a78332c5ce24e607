"""What workers are told of erasures, so that they let go of what they have of somebody."""

from typing import Final

import msgspec

ERASED: Final = "erasures"
"""The live section."""


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """Who has been erased of late: by the id of the erasure, as incidents name them."""

    people: dict[str, str]


STORE_KEYS: Final = "store_keys"
"""The live section."""


class StoreKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The forest with which content is sealed in the store for state, wrapped (support/crypto).

    `seals` is the id of the tree that seals; empty while none does, and all that there are open.
    """

    forest: bytes
    seals: bytes
