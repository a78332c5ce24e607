"""The last call at a listening socket; what the kernel makes of it is in tests/e2e."""

import asyncio
import ctypes
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from tests.helpers.fake_loop import FakeLoop
from tta_gateway.node.last_call import last_call

SYN, SYN_ACK, ACK, SYN_OF_ECN = 0x02, 0x12, 0x10, 0xC2


class Socket:
    """A socket that runs the filter it is given."""

    def __init__(self, family: int = socket.AF_INET, waiting: int = -1) -> None:
        self.family = family
        self.waiting = waiting
        """what can be read while somebody waits; -1: nobody does"""
        self.program: list[tuple[int, int, int, int]] = []

    def fileno(self) -> int:
        return self.waiting

    def setsockopt(self, level: int, name: int, value: bytes) -> None:
        assert (level, name) == (socket.SOL_SOCKET, 26)
        length, address = struct.unpack("HP", value)
        code = ctypes.string_at(address, length * 8)
        self.program = [struct.unpack_from("HBBI", code, at * 8) for at in range(length)]

    def takes(self, flags: int) -> bool:
        """What the kernel's machine makes of a segment with these flags."""
        segment, accumulator, at = bytes(13) + bytes((flags,)), 0, 0
        while True:
            code, if_true, if_false, operand = self.program[at]
            at += 1
            if code == 0x30:
                accumulator = segment[operand]
            elif code == 0x54:
                accumulator &= operand
            elif code == 0x15:
                at += if_true if accumulator == operand else if_false
            else:
                return operand > 0


def called(sock: Socket, let_in: Callable[[float], None] = lambda _: None) -> float:
    """Make the last call there; return how long it has taken, of which `let_in` hears meanwhile."""
    with FakeLoop() as loop:
        begin = loop.time()
        task = asyncio.Task(last_call([cast("Any", sock)]), loop=loop.real)
        loop.run_ready()
        while not task.done():
            let_in(loop.time() - begin)
            loop.advance(0.01)
        return loop.time() - begin


@pytest.mark.parametrize(
    ("flags", "taken"), [(SYN, False), (SYN_OF_ECN, False), (ACK, True), (SYN_ACK, True)]
)
def test_only_new_knocks_are_dropped(flags: int, *, taken: bool) -> None:
    sock = Socket()
    called(sock)
    assert sock.takes(flags) == taken


def test_a_unix_socket_is_left_as_it_is() -> None:
    sock = Socket(socket.AF_UNIX)
    assert called(sock) == 0.0
    assert sock.program == []


def test_who_has_knocked_already_has_the_time_to_be_let_in() -> None:
    assert called(Socket()) == pytest.approx(0.2, abs=0.02)


@pytest.fixture
def queue() -> Iterator[tuple[int, int]]:
    """A pipe in place of the queue of those who wait: its ends for who lets in, and who knocks."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_busy_loop_has_the_time_that_it_takes(queue: tuple[int, int], family: int) -> None:
    accepted, knocks = queue
    os.write(knocks, b"12")

    def let_in(now: float) -> None:
        if now > 0.5 and select.select([accepted], [], [], 0)[0]:
            os.read(accepted, 1)

    assert called(Socket(family, accepted), let_in) == pytest.approx(0.53, abs=0.03)


def test_but_not_for_ever(queue: tuple[int, int]) -> None:
    accepted, knocks = queue
    os.write(knocks, b"1")
    assert called(Socket(waiting=accepted)) == pytest.approx(3.2, abs=0.05)
