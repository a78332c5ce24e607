"""Complaints, as many of them as those who tell of them can hold.

One line of a log travels in one datagram, and the answers of the probe and of the commands are
built in one piece: a file with thousands of mistakes must fit into each of them.
"""

from collections.abc import Sequence
from typing import Final

_MOST: Final = 50
_LONGEST: Final = 400  # characters of one


def few(complaints: Sequence[str]) -> list[str]:
    """Return the first of them, each within bounds, and how many more there are."""
    first = [_short(one) for one in complaints[:_MOST]]
    more = len(complaints) - _MOST
    return [*first, f"and {more} more: `tta-gateway check` shows all"] if more > 0 else first


def _short(complaint: str) -> str:
    return complaint if len(complaint) <= _LONGEST else f"{complaint[: _LONGEST - 1]}…"
