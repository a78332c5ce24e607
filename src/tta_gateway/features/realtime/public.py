"""Where clients connect, whom workers answer themselves, and what is served to services.

The names of the latter are those of Centrifugo's HTTP API.
"""

from typing import Final

from tta_gateway.kernel.own import LARGEST, public, socket, stream

SOCKET: Final = "realtime"
"""The name under which the hub serves sockets."""
PROTOCOLS: Final = (b"centrifuge-json", b"centrifuge-protobuf")
"""What is spoken there; who names nothing speaks JSON."""
SOCKETS: Final = (socket("/connection/websocket", SOCKET),)
HTTP_STREAM: Final = "realtime_http_stream"
SSE: Final = "realtime_sse"
EMULATION: Final = "realtime_emulation"
"""The names of what answers where clients have no socket: two streams, and what is sent to them."""
_FRAME: Final = 64 * 1024  # bytes of what a client sends at once
STREAMS: Final = (
    stream("POST", "/connection/http_stream", HTTP_STREAM, max_body=_FRAME),
    stream("GET", "/connection/sse", SSE),
    # As a text within JSON it may be twice as long, and there is more beside it.
    stream("POST", "/emulation", EMULATION, max_body=2 * _FRAME + 4096),
)
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
