"""How often the quick faults happen: once in `make test`, ten times in `make soak`."""

import os
from typing import Final

TIMES: Final = int(os.environ.get("SOAK", "1"))
