"""What time it is: the one place in the sample platform that reads a clock."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock


def stamp() -> str:
    """Return this moment as the platform writes it: ISO 8601, UTC, and without saying so."""
    return now().replace(tzinfo=None).isoformat()


def elapsed() -> float:
    """Return seconds that only ever grow; their zero means nothing."""
    return time.monotonic()  # noqa: TID251 - this is the clock
