"""Where the hub's clients connect: workers answer there themselves."""

from typing import Final

from tta_gateway.kernel.own import socket

SOCKET: Final = "realtime"
"""The name under which the hub serves sockets."""
PROTOCOLS: Final = (b"centrifuge-json", b"centrifuge-protobuf")
"""What is spoken there; who names nothing speaks JSON."""
ROUTES: Final = (socket("/connection/websocket", SOCKET),)
