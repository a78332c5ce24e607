"""A splice: a client's connection that has become one end of a tunnel, and what is behind it.

That is a service's connection, or a socket of the gateway's own.  Where the two speak WebSocket,
what stands between them knows where frames end, and so can leave and close in order.
"""

from collections.abc import Callable

from tta_gateway.edge.entrance import Entrance
from tta_gateway.edge.inspected import Inspected
from tta_gateway.edge.legs import Legs
from tta_gateway.edge.own_socket import OwnSocket
from tta_gateway.edge.web_socket import WebSocket
from tta_gateway.kernel.exchange import Exchange, Spliced, Tunnel


class Splice:
    """Where a client's bytes go, and how far each direction has come to its end."""

    __slots__ = ("ended", "eof_sent", "other", "web_socket")

    def __init__(
        self, other: Tunnel, web_socket: WebSocket | Inspected | OwnSocket | None = None
    ) -> None:
        """Begin with both directions open; `web_socket` can end both in order."""
        self.other = other
        self.web_socket = web_socket
        self.ended = False  # the client's direction
        self.eof_sent = False  # and the other

    def client_ended(self) -> bool:
        """Take the end of the client's direction; tell whether the other goes on."""
        self.ended = True
        self.other.write_eof()
        return not self.eof_sent

    def client_gone(self) -> None:
        """Take that the client's connection is no more."""
        in_order = self.ended and self.eof_sent
        if self.web_socket is not None:
            self.web_socket.client_gone(in_order=in_order)
        elif not in_order:
            self.other.abort()  # else it closes by itself, behind what it still has to send


def spliced(
    client: Tunnel,
    other: Spliced,
    *,
    exchange: Exchange,
    entrance: Entrance,
    legs: Legs | None,
    said: Callable[[], None],
) -> tuple[Splice, Tunnel]:
    """Return a client's splice with another, and the end that the other is to write to.

    `said` hears that the client of a WebSocket has had a Close; `legs` are what is agreed on where
    policies look at messages.
    """
    if isinstance(other, OwnSocket):
        other.said = said
        return Splice(other, other), client
    if exchange.request.upgrade != b"websocket":
        return Splice(other), client
    if exchange.plan.message:
        seen = Inspected(
            client,
            other,
            exchange=exchange,
            entrance=entrance,
            legs=legs or Legs(),
            said=said,
        )
        return Splice(seen.to_service, seen), seen.to_client
    web_socket = WebSocket(client, other, said=said)
    return Splice(web_socket.to_service, web_socket), web_socket.to_client
