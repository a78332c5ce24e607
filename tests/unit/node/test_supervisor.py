"""What of the supervisor needs neither a socket nor a process; the rest is in tests/e2e."""

import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tta_gateway.node.supervisor import _pass_signals_to, url
from tta_gateway.snapshot.model import Listener


class Socket:
    """A socket that knows its name, and whether it was closed."""

    def __init__(self, *name: object) -> None:
        self._name = name
        self.closed = False

    def getsockname(self) -> tuple[object, ...]:
        return self._name

    def close(self) -> None:
        self.closed = True


class Worker:
    """A process that keeps the signals that it gets."""

    def __init__(self) -> None:
        self.signals: list[int] = []

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


@pytest.mark.parametrize(
    ("name", "listener", "where"),
    [
        (("127.0.0.1", 8080), Listener(host="127.0.0.1"), "http://127.0.0.1:8080"),
        (("::1", 8080, 0, 0), Listener(host="::1"), "http://[::1]:8080"),
        (("",), Listener(unix="/run/gateway.sock"), "unix:/run/gateway.sock"),
    ],
)
def test_a_listener_is_reached_where_its_socket_is_bound(
    name: tuple[object, ...], listener: Listener, where: str
) -> None:
    assert url(cast("Any", Socket(*name)), listener) == where


@pytest.fixture
def _own_signals() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("_own_signals")
def test_a_signal_to_end_is_passed_on_to_the_worker(number: signal.Signals) -> None:
    worker, sock = Worker(), Socket()
    _pass_signals_to(cast("Any", worker), [cast("Any", sock)])
    signal.raise_signal(number)
    assert worker.signals == [number]


@pytest.mark.usefixtures("_own_signals")
def test_no_connection_is_taken_that_nobody_will_accept() -> None:
    sock = Socket()
    _pass_signals_to(cast("Any", Worker()), [cast("Any", sock)])
    signal.raise_signal(signal.SIGTERM)
    assert sock.closed
