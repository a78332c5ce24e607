"""Which addresses are this machine's: as the system lists them, and no others."""

import ipaddress
import socket
import struct

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.interfaces import listed
from tta_gateway.node import here as module
from tta_gateway.node.here import Address, Here, is_here

OTHERS = ("198.51.100.1", "203.0.113.255", "2001:db8::1", "255.255.255.255", "224.0.0.1", "ff02::1")


@pytest.fixture(params=["by the route", "without route sockets"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ask the one way, and the other."""

    def refused(_: Address) -> bool:
        raise PermissionError("a sandbox")

    if request.param != "by the route":
        monkeypatch.setattr(module, "_is_local", refused)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_all_that_the_system_lists_are_here() -> None:
    addresses = listed()
    assert ipaddress.ip_address("127.0.0.1") in addresses
    # One that is of one link alone is asked with its link: without route sockets it cannot be.
    assert [one for one in addresses if not one.is_link_local and not is_here(one)] == []


def test_so_are_those_of_a_link_and_a_whole_network_that_is_routed_here() -> None:
    there = [ipaddress.ip_address("127.8.9.10"), *(one for one in listed() if one.is_link_local)]
    assert [one for one in there if not is_here(one)] == []


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("other", OTHERS)
def test_others_are_not(other: str) -> None:
    assert not is_here(ipaddress.ip_address(other))


def test_where_the_answer_makes_no_sense_it_is_found_in_another_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut(_: Address) -> bool:
        raise struct.error("unpack requires 16 bytes")

    monkeypatch.setattr(module, "_is_local", cut)
    assert is_here(ipaddress.ip_address("127.0.0.1"))


def test_no_way_there_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a default route: the system answers with an error."""

    class Sock(socket.socket):
        def recv(self, *_: int) -> bytes:
            return struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -101)

    monkeypatch.setattr(socket, "socket", Sock)
    assert not is_here(ipaddress.ip_address("127.0.0.1"))


def test_an_answer_holds_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Address] = []
    answers = iter([False, True])

    def answer(one: Address) -> bool:
        asked.append(one)
        return next(answers)

    monkeypatch.setattr(module, "is_here", answer)
    clock = FakeClock()
    here = Here(clock.monotonic)
    one = ipaddress.ip_address("198.51.100.1")
    said = [here(one), here(one)]
    clock.advance(1.0)
    said.append(here(one))
    assert (said, len(asked)) == ([False, False, True], 2)


def test_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_here", lambda _: False)
    here = Here(FakeClock().monotonic)
    for number in range(3000):
        here(ipaddress.IPv4Address(number))
    assert len(here._known) <= 1024
