"""The PROXY protocol: whatever comes is a header, part of one, or none; pieces change nothing."""

from collections.abc import Hashable
from ipaddress import ip_address

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own
from tta_gateway.wire.proxy_protocol import LONGEST, NotProxiedError, Source, read


def check(pieces: Pieces) -> Hashable:
    """Read what arrives piece by piece, until it is decided."""
    data, decided = b"", _read(b"")
    for piece in pieces:
        data += piece
        decided = _read(data)
        if decided is not None:
            break
    whole = _read(b"".join(pieces))
    if decided is None:
        demand(whole is None, "what is undecided in pieces is so as a whole", data)
        demand(len(data) < LONGEST + 16, "it is decided in the end", data)
        return "more"
    if isinstance(decided, str):
        demand(whole == decided, "what is refused in pieces is so as a whole", data)
        return decided
    demand(isinstance(whole, Source), "a header in pieces is one as a whole", data)
    demand(0 < decided.length <= len(data), "it is as long as it says", data)
    demand(0 <= decided.port <= 65535, "a port is one", data)
    demand(not (decided.local and decided.address), "who speaks for itself names nobody", data)
    if decided.address:
        demand(str(ip_address(decided.address)) == decided.address, "an address is one", data)
    return data[:1], decided.address == "", ":" in decided.address


def _read(data: bytes) -> Source | str | None:
    try:
        return read(data)
    except NotProxiedError:
        return "refused"


def alone(pieces: Pieces) -> None:
    """Only read."""
    _read(b"".join(pieces))


def _seeds() -> list[bytes]:
    return own("proxy_protocol")


TARGET = Target(
    name="proxy_protocol",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=1,
    tokens=(
        b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b"192.0.2.7 ", b"::1 ", b"::ffff:1.2.3.4 ",
        b"65535", b"0", b" ", b"\r\n", b"\r\n\r\n\x00\r\nQUIT\n", b"\x21\x11", b"\x21\x21",
        b"\x20\x00", b"\x00\x0c", b"\x00\x24", b"\x10\x00", b"\xff\xff", b"\x00",
    ),
)  # fmt: skip
