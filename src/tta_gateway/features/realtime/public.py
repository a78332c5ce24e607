"""What it serves to services, by the names of Centrifugo's HTTP API."""

from typing import Final

from tta_gateway.kernel.own import LARGEST, public

PLACE: Final = "/api/v1/realtime"
SERVES: Final = "realtime:serve"
"""The permission to publish anywhere and to see who is there; it is for services."""
BATCH: Final = "batch"
NAMES: Final = ("publish", "broadcast", "presence", "presence_stats", "history", BATCH)
ROUTES: Final = tuple(
    public("POST", f"{PLACE}/{name}", auth="required", max_body=LARGEST) for name in NAMES
)
