"""An answer that is held: what has come behind a head that a policy has not let go yet."""

from tta_gateway.kernel.exchange import Exchange, Tunnel
from tta_gateway.kernel.message import Fields


class HeldAnswer:
    """The parts of one answer's body, and its end, until its head has left."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        """Begin with nothing behind the head."""
        self._pieces: list[bytes | Fields] = []

    def take(self, data: bytes, exchange: Exchange) -> bool:
        """Keep a part, and let the policy see it; False says that it has seen enough."""
        self._pieces.append(data)
        preview = exchange.preview
        if preview is None or preview.take(data):
            return True
        exchange.preview = None
        return False

    def end(self, trailers: Fields, exchange: Exchange) -> None:
        """Keep the end of the answer, and tell the policy."""
        self._pieces.append(trailers)
        end_preview(exchange)

    def pass_on(self, exchange: Exchange, client: Tunnel | None) -> None:
        """Send all of it behind the head: through a tunnel to the `client`, where it is one."""
        for piece in self._pieces:
            if client is not None:
                assert isinstance(piece, bytes)  # a tunnel has no trailers
                client.write(piece)
            elif isinstance(piece, bytes):
                exchange.sent += len(piece)
                exchange.sink.send_data(piece)
            else:
                exchange.sink.send_end(piece)


def end_preview(exchange: Exchange) -> None:
    """Tell a policy that looks at a body while it holds the head that nothing more comes."""
    preview, exchange.preview = exchange.preview, None
    if preview is not None:
        preview.end()
