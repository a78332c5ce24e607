"""The peer: who is at the other end of a client's connection."""


class Trust:
    """The authorities that a listener believes at the moment, by what they are known by."""

    __slots__ = ("authorities",)

    def __init__(self, authorities: frozenset[bytes]) -> None:
        """Believe these; another set takes their place where the operator names others."""
        self.authorities = authorities


class Shown:
    """The certificates that a connection has shown, as far as an authority, in DER; leaf first.

    The handshake has verified them; what they prove of who it is is remembered in `proof`, by
    whoever reads them, with the authorities by which it did.  `parting`: they will soon prove
    nothing, so that the connection ends behind the next answer.
    """

    __slots__ = ("chain", "parting", "proof", "trust")

    def __init__(self, chain: tuple[bytes, ...], trust: Trust) -> None:
        """Keep them; nothing is proved yet."""
        self.chain = chain
        self.trust = trust
        self.parting = False
        self.proof: object | None = None


class Peer:
    """A client's connection as the path sees it.

    `address` is the neighbour's, or that of whom the PROXY protocol names in its place; `trusted`
    tells whether that is one of the operator's proxies, whose word about the way here is believed.
    `way` remembers the last lines about the way that were written for it, by the host that was
    asked for (upstream/way.py).  `shown` are its certificates, where the listener asks services for
    theirs.
    """

    __slots__ = ("address", "port", "scheme", "shown", "trusted", "way")

    def __init__(self, address: str, *, port: int, scheme: bytes, trusted: bool) -> None:
        """Keep what the socket tells."""
        self.address = address
        self.port = port
        self.scheme = scheme
        self.trusted = trusted
        self.way: tuple[bytes, bytes] = (b"", b"")
        self.shown: Shown | None = None
