"""The peer: who is at the other end of a client's connection."""


class Peer:
    """A client's connection as the path sees it.

    `address` is the neighbour's, or that of whom the PROXY protocol names in its place; `trusted`
    tells whether that is one of the operator's proxies, whose word about the way here is believed.
    `way` remembers the last lines about the way that were written for it, by the host that was
    asked for (upstream/way.py).
    """

    __slots__ = ("address", "port", "scheme", "trusted", "way")

    def __init__(self, address: str, *, port: int, scheme: bytes, trusted: bool) -> None:
        """Keep what the socket tells."""
        self.address = address
        self.port = port
        self.scheme = scheme
        self.trusted = trusted
        self.way: tuple[bytes, bytes] = (b"", b"")
