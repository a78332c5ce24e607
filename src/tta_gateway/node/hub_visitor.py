"""Visitors: connections to the hub as its desk knows them."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Final

from tta_gateway.features.identity.credential import Ambiguous, token_of, without_token
from tta_gateway.features.realtime.contract import Carrier
from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.features.realtime.public import PROTOCOLS
from tta_gateway.features.realtime.sockets import asks_for_protobuf
from tta_gateway.features.realtime.streams import is_binary as streams_binary
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Fields, RequestHead
from tta_gateway.node.inquiry import Inquiry

_SHOWN: Final = frozenset(
    (
        *(b"authorization", b"cookie", b"x-api-key"),
        *(b"origin", b"sec-fetch-site", b"sec-websocket-protocol"),
    )
)
"""the fields of the opening request by which it may be known who it is"""


class Visitor:
    """One connection as the desk knows it: how it came, what it has shown, what goes on of it."""

    def __init__(self, opening: Exchange, *, is_inner: bool = False) -> None:
        """Begin with what the request has shown that opened the socket."""
        request = opening.request
        self.opening: Final = opening
        self.is_inner: Final = is_inner
        """whether it is a socket bound to a channel: it reads no letters, and takes no seat"""
        self.shown: Fields = shown_by(request)
        self.carrier: Final = carrier_of(opening)
        self.meta: tuple[str, bytes] = ("", b"")
        """what a service has said of it that it is told again: which service, and what"""
        self.told: Mapping[str, str] = {}
        """the fields that its client has written into its connect command"""
        self.until = inf
        """the time of day to which a service lets it go on"""
        self.given: set[str] = set()
        """the channels that a service has it read from the start"""
        self.is_gone = False
        self.held = 0
        """how much of what it has said is still carried out: until then it is known"""
        self.noticed: Noticed | None = None
        """what was found in what it says by the command that is about to be asked about"""
        self.connected: Inquiry | None = None
        self.seat: Inquiry | None = None
        self.reading: dict[str, Inquiry] = {}
        """by channel: what lets it read there"""

    def as_told_to(self, service: str) -> Carrier:
        """Return how it speaks, and what this service has said of it itself."""
        whose, meta = self.meta
        return replace(self.carrier, meta=meta) if meta and whose == service else self.carrier

    def leave(self, channel: str) -> None:
        """End what lets it read a channel."""
        inquiry = self.reading.pop(channel, None)
        if inquiry is not None:
            inquiry.over()

    def close(self) -> None:
        """End everything."""
        for channel in list(self.reading):
            self.leave(channel)
        for one in (self.connected, self.seat):
            if one is not None:
                one.over()


def shown_by(request: RequestHead) -> Fields:
    """Return by what a request may be known; a token of a page's is shown as those of others."""
    shown = [one for one in request.fields if one[0] in _SHOWN]
    try:
        token = token_of(request)
    except Ambiguous:
        return shown  # the policy of the route has refused it, if anybody's
    if token is None:
        return shown
    kept = [one for one in without_token(shown) if one[0] != b"authorization"]
    return [*kept, (b"authorization", b"Bearer " + token)]


def carrier_of(opening: Exchange) -> Carrier:
    """Return how the client speaks whose request this was: its path's last part tells by what."""
    request = opening.request
    last = request.path.rpartition(b"/")[2]
    if last == b"sse":
        return Carrier("sse")  # events are text
    if last == b"http_stream":
        return Carrier("http_stream", is_binary=streams_binary(request))
    offered = request.get(b"sec-websocket-protocol") or b""
    is_offered = PROTOCOLS[1] in offered and PROTOCOLS[0] not in offered
    return Carrier("websocket", is_binary=is_offered or asks_for_protobuf(request.query))


def head(method: bytes, target: bytes, shown: Fields, opening: Exchange) -> RequestHead:
    """Return the head of what is asked of policies on a connection that a request has opened."""
    made = RequestHead(opening.request.stream_id, method, target)
    made.fields = shown
    made.host, made.forwarding = opening.request.host, opening.request.forwarding
    return made
