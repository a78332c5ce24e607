"""How often what is repeated happens: a few times in `make test`, at full length in `make soak`."""

import os
from typing import Final

TIMES: Final = int(os.environ.get("SOAK", "1"))
SEEDS: Final = int(os.environ.get("SEEDS", "10"))
"""How many seeds processes are killed by while people write: 200 in `make soak`."""


def often(short: int, *, soak: int) -> int:
    """Return how often: the second is for `make soak`, and for whoever sets SOAK."""
    return soak if TIMES > 1 else short
