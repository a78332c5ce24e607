"""WebSocket frames: SocketReader against a naive reading of RFC 6455 5, however they are cut."""

from collections.abc import Hashable
from typing import Final

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own
from tests.helpers.socket_talk import MASK, OnPaper, joined, naive
from tta_gateway.wire.socket_codec import SocketLimits, SocketReader
from tta_gateway.wire.socket_deflate import Inflater
from tta_gateway.wire.socket_endpoint import SocketEndpoint

_LIMITS: Final = SocketLimits(frame=400, message=600)


def check(pieces: Pieces) -> Hashable:
    """Read what a client sends, and what a server does, in these pieces and in one."""
    data = b"".join(pieces)
    shapes = []
    for is_server in (True, False):
        found = OnPaper(_reader(is_server)).hear(pieces)
        expected = naive(data, is_server=is_server, limits=_LIMITS)
        demand(found == expected, "frames say what RFC 6455 says", found, expected)
        parts = OnPaper(_reader(is_server, streams=True)).hear(pieces)
        demand(joined(parts) == expected, "so do parts of messages", parts, expected)
        shapes.append(tuple(one[0] if one[0] != "broken" else one for one in found))
    return (*shapes, _deflated(pieces), _answered(data))


def _deflated(pieces: Pieces) -> Hashable:
    """Whatever is inflated, in whatever pieces: the same, and never more than may be."""
    heard = [
        OnPaper(_reader(True, inflater=Inflater(takeover=True))).hear(some)
        for some in (pieces, [b"".join(pieces)])
    ]
    # Text and what cannot be inflated may be refused before an Inflater has seen what is too big.
    told = [[one for one in each if one[0] != "broken"] for each in heard]
    demand(told[0] == told[1], "pieces make no difference", *heard)
    demand(len(heard[0]) == len(heard[1]), "nor to what is refused", *heard)
    for one in told[0]:
        data = one[1]
        demand(not isinstance(data, bytes) or len(data) <= _LIMITS.message, "it is bounded", one)
    return tuple(one[0] for one in heard[0])


def _answered(data: bytes) -> Hashable:
    """What an endpoint answers is well-formed, whatever it has heard."""
    server = SocketEndpoint(limits=_LIMITS)
    OnPaper(server).hear([data])
    answers = OnPaper(SocketReader(is_server=False, limits=_LIMITS)).hear([server.taken()])
    kinds = [one[0] for one in answers]
    demand(set(kinds) <= {"pong", "close"}, "it answers in frames", answers)
    demand(kinds.count("close") <= 1, "it says once that it ends", answers)
    return bool(kinds), "close" in kinds


def _reader(
    is_server: bool, inflater: Inflater | None = None, *, streams: bool = False
) -> SocketReader:
    return SocketReader(is_server=is_server, limits=_LIMITS, inflater=inflater, streams=streams)


def alone(pieces: Pieces) -> None:
    """Let this arrive, and look no further."""
    OnPaper(_reader(True, inflater=Inflater(takeover=True))).hear(pieces)


def _seeds() -> list[bytes]:
    return own("socket_codec")


TARGET: Final = Target(
    name="socket_codec",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=2,
    tokens=(
        b"\x81", b"\x82", b"\x01", b"\x02", b"\x00", b"\x80", b"\x88", b"\x89", b"\x8a", b"\xc1",
        b"\xc2", b"\x41", b"\x91", b"\xa1", b"\x83", b"\x8b", b"\x09", b"\x80" + MASK,
        b"\x81" + MASK, b"\x84" + MASK, b"\xfe\x00\x7e" + MASK, b"\xfe\x00\x05" + MASK,
        b"\xff\x00\x00\x00\x00\x00\x01\x00\x00" + MASK, b"\xff\x80\x00\x00\x00\x00\x00\x00\x00",
        b"\x03\xe8", b"\x03\xee", b"\x0f\xa0", b"\xce\xba", b"\xf4\x90", b"\xed\xa0", b"\xf0\x9f",
        b"\x00\x00\xff\xff", b"\x03\x00", b"\xf2\x48\xcd\xc9\xc9\x07\x00",
    ),
)  # fmt: skip
