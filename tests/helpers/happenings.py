"""What may happen to an edge, a step at a time: clients, services and time, in any order."""

from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from tests.helpers.fake_loop import Never
from tests.helpers.fake_transport import FakeTransport
from tests.helpers.paper_gateway import GET, OK, PaperGateway, post

LARGE: Final = b"x" * 100 * 1024
UPGRADE: Final = (
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
REQUESTS: Final = (
    GET,
    GET * 3,
    GET[:-2],
    GET[-2:],
    post(b"abc"),
    post(b"", length=len(LARGE)),
    LARGE,
    UPGRADE,
    b"GET /a HTTP/1.0\r\nHost: a\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"\x16\x03\x01",
    b"\x81\x82abcd",  # a frame without its last two bytes
    b"xy",
    b"\x88\x82abcd\x62\x8a",
)
ANSWERS: Final = (
    OK,
    OK[:-1],
    OK[-1:],
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE),
    LARGE,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"nonsense\r\n",
    b"\x81\x02",
    b"xy",
    b"\x88\x02\x03\xe8",
)
HAPPENINGS: Final[tuple[Callable[[FakeTransport], None], ...]] = (
    FakeTransport.get_stuck,
    FakeTransport.get_unstuck,
    FakeTransport.end,
    FakeTransport.lose,
)
FAILURES: Final = (OSError("refused"), Never(), Never(late=True))
Step = Callable[[PaperGateway], object]


def at(ends: list[FakeTransport], number: int, act: Callable[[FakeTransport], None]) -> None:
    """Do something at one end, if there is one that is still there."""
    for end in [end for end in ends if not end.lost][number:][:1]:
        act(end)


def of_client(number: int, act: Callable[[FakeTransport], None]) -> Step:
    return lambda gateway: at(gateway.clients, number, act)


def of_service(number: int, act: Callable[[FakeTransport], None]) -> Step:
    return lambda gateway: at(gateway.loop.opened, number, act)


def says(data: bytes) -> Callable[[FakeTransport], None]:
    return lambda end: end.feed(data)


NUMBER = st.integers(0, 1)
STEPS: Final[st.SearchStrategy[Step]] = st.one_of(
    st.builds(of_client, NUMBER, st.sampled_from(REQUESTS).map(says)),
    st.builds(of_service, NUMBER, st.sampled_from(ANSWERS).map(says)),
    st.builds(of_client, NUMBER, st.sampled_from(HAPPENINGS)),
    st.builds(of_service, NUMBER, st.sampled_from(HAPPENINGS)),
    st.sampled_from(FAILURES).map(lambda one: lambda gateway: gateway.loop.answers.append(one)),
    st.sampled_from((0.1, 1.5, 31.0, 61.0)).map(lambda time: lambda gateway: gateway.wait(time)),
    st.just(lambda gateway: gateway.loop.run_ready()),
    st.just(lambda gateway: gateway.loop.turn()),
    st.just(lambda gateway: gateway.client()),
    st.just(lambda gateway: gateway.guests.drain()),
)
