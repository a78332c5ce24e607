"""How long clients may take, and how many there may be (architecture, table of defaults)."""

import msgspec


class ClientTimeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Patience with a client, in seconds."""

    handshake: float = 10.0  # for the header of the PROXY protocol and the handshake of TLS
    header: float = 10.0
    write_stalled: float = 60.0
    keep_alive: float = 75.0
    linger: float = 5.0  # after an answer that came before the end of the request
    drain: float = 30.0
    idle_linger: float = 5.0  # of idle connections, while the worker drains


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections may be open."""

    per_worker: int = 20_000
    per_address: int = 512
    handshakes: int = 64  # under way at once, at one worker
