"""A client of the hub at a WebSocket."""

from collections.abc import Callable
from typing import Final

import pytest

from tests.helpers.builders import a_head, an_exchange
from tests.helpers.hub_house import HubHouse, on_a_loop, settle
from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.public import PROTOCOLS
from tta_gateway.features.realtime.sockets import HubSockets, asks_for_protobuf
from tta_gateway.kernel.exchange import Exchange

CONNECT: Final = b'{"id":1,"connect":{"token":"t"}}'


class PaperSocket:
    """A socket that is a list."""

    def __init__(self, exchange: Exchange, protocol: bytes) -> None:
        self.exchange = exchange
        self.protocol = protocol
        self.did: list[object] = []
        self.sent: list[bytes] = []
        self.sent_text: list[bool] = []

    def send(self, payload: bytes, *, is_text: bool) -> None:
        self.did.append("send")
        self.sent.append(payload)
        self.sent_text.append(is_text)

    def ping(self, payload: bytes = b"") -> None:
        raise AssertionError(payload)

    def close(self, code: int, reason: bytes) -> None:
        self.did.append((code, reason))

    def pause(self) -> None:
        self.did.append("pause")

    def resume(self) -> None:
        self.did.append("resume")

    def wake_at(self, when: float) -> None:
        raise AssertionError(when)

    def hear_pongs(self, hearer: Callable[[bytes], None]) -> None:
        raise AssertionError(hearer)


def sockets(house: HubHouse) -> HubSockets:
    return HubSockets(house.hub, house, fresh=lambda: "c", chance=lambda: 0.5)


@pytest.mark.parametrize(
    ("protocol", "query", "binary"),
    [
        (b"", None, False),
        (PROTOCOLS[0], b"", False),
        (b"", b"format=json&x", False),
        (PROTOCOLS[1], None, True),
        (b"", b"format=protobuf", True),
        (b"", b"x=%ff&cf_protocol=protobuf", True),
    ],
)
@on_a_loop
async def test_a_client_speaks_what_it_asks_for(
    protocol: bytes, query: bytes | None, binary: bool
) -> None:
    assert asks_for_protobuf(query) is (binary and protocol == b"")
    house = HubHouse()
    target = b"/connection/websocket" + (b"" if query is None else b"?" + query)
    head = a_head()
    head.query = target.partition(b"?")[2] or None
    exchange = an_exchange(head)
    hearer = sockets(house).hearer(exchange)
    socket = PaperSocket(exchange, protocol)
    hearer.opened(socket)
    hearer.message(b"\x07\x08\x01\x22\x03\x0a\x01t" if binary else CONNECT, is_text=not binary)
    assert socket.sent_text == [not binary]
    assert b"tta" in socket.sent[0]
    hearer.due(0.0)
    hearer.may_write(may=False)
    house.hub.tell("user", b"1")
    assert len(socket.did) == 1
    hearer.may_write(may=True)
    assert len(socket.did) == 2
    hearer.closed(1000)
    hearer.closed(1006)
    hearer.may_write(may=True)
    hearer.message(b"", is_text=True)
    assert repr(house.hub) == "<hub of 0 connections, <0 channels>>"


@on_a_loop
async def test_the_end_is_a_close_with_its_code() -> None:
    exchange = an_exchange()
    service = sockets(HubHouse())
    hearer = service.hearer(exchange)
    socket = PaperSocket(exchange, b"")
    hearer.opened(socket)
    hearer.message(b'{"id":1,"connect":{"token":"bad"}}', is_text=True)
    assert socket.did == [(3500, b"invalid token")]
    assert service.terms.farewell == (codes.SHUTDOWN.code, b"shutdown")


@on_a_loop
async def test_a_client_that_asks_too_fast_is_paused() -> None:
    house = HubHouse()
    exchange = an_exchange()
    hearer = sockets(house).hearer(exchange)
    socket = PaperSocket(exchange, b"")
    hearer.opened(socket)
    hearer.message(CONNECT, is_text=True)
    ask = b'{"id":2,"history":{"channel":"a"}}'
    hearer.message(b"\n".join([ask] * 70), is_text=True)
    for _ in range(20):
        await settle()
    assert [did for did in socket.did if did != "send"] == ["pause", "resume"]


@on_a_loop
async def test_what_comes_behind_the_end_is_listened_to_and_not_carried_out() -> None:
    house = HubHouse()
    exchange = an_exchange()
    hearer = sockets(house).hearer(exchange)
    socket = PaperSocket(exchange, b"")
    hearer.opened(socket)
    hearer.message(CONNECT, is_text=True)
    did = list(socket.did)
    said = b'{"id":2,"publish":{"channel":"a","data":"dark"}}'
    for frame in (said, b"{}", b"no JSON"):
        hearer.late(frame, is_text=True)
    await settle()
    assert house.ear.diary == ['a:"dark" refused']
    assert socket.did == did
    hearer.closed(1000)
    hearer.late(said, is_text=True)
    await settle()
    assert len(house.ear.diary) == 1


def test_nothing_is_done_at_a_socket_that_is_not_open() -> None:
    house = HubHouse()
    hearer = sockets(house).hearer(an_exchange())
    hearer.closed(1006)
    hearer.write(b"1")  # type: ignore[attr-defined]
    hearer.close(codes.SHUTDOWN)  # type: ignore[attr-defined]
    hearer.pause_reading()  # type: ignore[attr-defined]
    hearer.resume_reading()  # type: ignore[attr-defined]
    assert repr(house.hub) == "<hub of 0 connections, <0 channels>>"
