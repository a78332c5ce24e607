"""How often the quick faults happen: once in `make test`, ten times in `make soak`."""

import os
from typing import Final

TIMES: Final = int(os.environ.get("SOAK", "1"))
SEEDS: Final = int(os.environ.get("SEEDS", "10"))
"""How many seeds processes are killed by while people write: 200 in `make soak`."""
