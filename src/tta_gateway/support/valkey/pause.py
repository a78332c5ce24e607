"""Pauses: how long to wait before the next try to connect.  Decides, never waits."""

from typing import Final

FIRST: Final = 0.05  # seconds
LONGEST: Final = 1.0
LIVED: Final = 1.0  # seconds: a connection that got so old did not fail


def pause(failures: int, chance: float) -> float:
    """Return seconds to wait after so many failures in a row; `chance` is from 0 to 1.

    The first try comes at once.  Later ones are spread over half of their pause, so that the
    workers of many nodes do not come all together to a server that has just risen.
    """
    if failures <= 0:
        return 0.0
    whole = min(LONGEST, FIRST * 2.0 ** min(failures - 1, 10))
    return whole * (0.5 + 0.5 * chance)
