"""What is read of a socket on which a write has failed: a file without a name stands for it."""

import asyncio
from typing import cast

import pytest

from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import FakeTransport
from tta_gateway.edge.remains import MOST, remains_of


def read(data: bytes) -> bytes:
    with FakeLoop() as loop:
        transport = FakeTransport(loop)
        assert transport.socket is not None
        with transport.socket.holding(data):
            return remains_of(cast("asyncio.Transport", transport))


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, MOST])
def test_all_that_has_come_is_read(size: int) -> None:
    assert read(b"x" * size) == b"x" * size


def test_no_more_is_read_than_a_loop_reads_at_once() -> None:
    assert len(read(bytes(2 * MOST))) == MOST


def test_a_socket_that_is_closed_holds_nothing() -> None:
    """As one that has nothing more for now, or tells of the reset: an OSError."""
    with FakeLoop() as loop:
        assert remains_of(cast("asyncio.Transport", FakeTransport(loop))) == b""


def test_without_a_socket_nothing_remains() -> None:
    with FakeLoop() as loop:
        transport = FakeTransport(loop)
        transport.socket = None
        assert remains_of(cast("asyncio.Transport", transport)) == b""
