"""A client at one worker, its tether at another, and a line on paper between them."""

import pytest

from tests.helpers.tethered import PaperLine, Side, a_line
from tta_gateway.features.tether.relay import Ask, Line, Nobody, Relayed, Remote
from tta_gateway.kernel.said import Hearing

ASKED = Ask(
    token="t", key=None, principal=None, route="r", received=-1, target=b"/", fields=[], shown=b""
)


class Tether:
    """Keeps what it is told of its client."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def message(self, payload: bytes, *, is_text: bool) -> None:
        self.told.append((payload, is_text))

    def ponged(self, payload: bytes) -> None:
        self.told.append(("pong", payload))

    def may_write(self, *, may: bool) -> None:
        self.told.append(("may write", may))

    def went(self, code: int) -> None:
        self.told.append(("went", code))


class ClientSocket(Side):
    """The client's socket."""

    def __init__(self) -> None:
        super().__init__()
        self.binary: list[bytes] = []

    def send(self, payload: bytes, *, is_text: bool, hearing: Hearing | None = None) -> None:
        assert hearing is None
        (self.heard if is_text else self.binary).append(payload)


class House:
    """Both workers."""

    def __init__(self) -> None:
        self.here, self.there = a_line()
        self.socket, self.tether = ClientSocket(), Tether()
        self.relayed = Relayed(self.here, self.socket)  # type: ignore[arg-type]  # as far as asked
        self.remote = Remote(self.there)
        self.remote.serve(self.tether)


@pytest.fixture
def house() -> House:
    return House()


def test_what_the_client_says_reaches_its_tether(house: House) -> None:
    house.relayed.message(b"a", is_text=True)
    house.relayed.message(b"\xff", is_text=False)
    house.relayed.ponged(b"1")
    assert house.tether.told == [(b"a", True), (b"\xff", False), ("pong", b"1")]


def test_what_the_tether_says_reaches_the_client(house: House) -> None:
    house.remote.send(b"a", is_text=True)
    house.remote.send(b"\xff", is_text=False)
    house.remote.ping(b"1")
    assert (house.socket.heard, house.socket.binary) == ([b"a"], [b"\xff"])
    assert house.socket.pings == [b"1"]


def test_a_client_that_goes_is_told_once(house: House) -> None:
    house.relayed.went(1000)
    assert house.tether.told == [("went", 1000)]
    assert (house.here.is_over, house.there.is_over) == (True, True)


def test_a_tether_that_ends_it_says_why_and_hears_no_more(house: House) -> None:
    house.remote.close(1008, b"no")
    assert house.socket.ended == (1008, b"no")
    assert house.there.is_over
    house.there.hear(1, 0, b"late")
    house.there.full(True)
    assert house.tether.told == []


def test_a_worker_that_dies_has_the_client_come_again(house: House) -> None:
    house.here.lost()
    assert house.socket.ended == (1012, b"the worker has gone: connect again")


def test_a_worker_that_dies_with_the_client_has_it_gone(house: House) -> None:
    house.there.lost()
    house.there.lost()
    assert house.tether.told == [("went", 1006)]


def test_a_slow_client_has_the_line_fill_and_a_full_line_holds_the_service_back(
    house: House,
) -> None:
    house.relayed.may_write(may=False)
    assert not house.here.is_read
    house.there.full(True)
    house.there.full(False)
    assert house.tether.told == [("may write", False), ("may write", True)]
    house.relayed.may_write(may=True)
    assert house.here.is_read


def test_a_service_that_is_behind_has_the_line_fill_and_that_holds_the_client_back(
    house: House,
) -> None:
    house.remote.pause()
    assert not house.there.is_read
    house.here.full(True)
    assert not house.socket.is_read
    house.here.full(False)
    house.remote.resume()
    assert (house.socket.is_read, house.there.is_read) == (True, True)


def test_what_nobody_knows_is_passed_over(house: House) -> None:
    house.relayed.message(b"a", is_text=True)
    house.there.hear(99, 0, b"")
    house.here.hear(99, 0, b"")
    assert house.tether.told == [(b"a", True)]
    assert house.socket.heard == []


def test_who_is_alone_asks_nobody() -> None:
    def told(line: Line | None) -> None:
        raise AssertionError(line)

    assert not Nobody().seek(ASKED, told)


def test_a_line_on_paper_is_a_line() -> None:
    line: Line = PaperLine()
    line.send(1)
    assert isinstance(line, PaperLine)
