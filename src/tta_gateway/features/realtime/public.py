"""Where clients connect, whom workers answer themselves, and what is served to services.

The names of the latter are those of Centrifugo's HTTP API.
"""

from typing import Final

from tta_gateway.kernel.own import LARGEST, public, socket

SOCKET: Final = "realtime"
"""The name under which the hub serves sockets."""
PROTOCOLS: Final = (b"centrifuge-json", b"centrifuge-protobuf")
"""What is spoken there; who names nothing speaks JSON."""
SOCKETS: Final = (socket("/connection/websocket", SOCKET),)
PLACE: Final = "/api/v1/realtime"
SERVES: Final = "realtime:serve"
"""The permission to publish anywhere and to see who is there; it is for services."""
BATCH: Final = "batch"
NAMES: Final = (
    *("publish", "broadcast", "presence", "presence_stats", "history"),
    *("post", "disconnect", "unsubscribe", BATCH),
)
ROUTES: Final = tuple(
    public("POST", f"{PLACE}/{name}", auth="required", max_body=LARGEST) for name in NAMES
)
