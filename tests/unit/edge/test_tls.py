"""TLS on one connection, on paper: the test is the peer, and the connection above."""

import asyncio
import ssl
from collections.abc import Iterator
from typing import cast

import pytest

from tests.helpers.certificates import Folder, compiled
from tests.helpers.fake_loop import FakeLoop
from tests.helpers.fake_transport import HIGH_WATER, FakeTransport
from tests.helpers.tls_peer import TlsPeer
from tta_gateway.edge.credentials import listener_context
from tta_gateway.edge.tls import Tls
from tta_gateway.snapshot.model import ListenerTls

LARGE = bytes(range(256)) * 400  # several records


class Above:
    """The connection above: it keeps what it is told; `stays` is its answer to an end."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.received = b""
        self.writes = 0
        self.error: Exception | None = None
        self.stays = False

    def connection_made(self, _: object) -> None:
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.writes += 1

    def eof_received(self) -> bool:
        self.told.append("end")
        return self.stays

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append("lost")
        self.error = error

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Line:
    """A connection whose handshake is over."""

    def __init__(self, loop: FakeLoop, certificates: Folder, version: ssl.TLSVersion) -> None:
        one = compiled(certificates.server)
        self.loop = loop
        self.above = Above()
        self.socket = FakeTransport(loop)
        context = listener_context(ListenerTls(certificates=(one,)))
        self.tls = Tls(context, cast("asyncio.Transport", self.socket), inner=self.above)
        self.socket.protocol = Shaking(self.tls)
        theirs = ssl.create_default_context(cafile=certificates.ca)
        theirs.maximum_version = version
        self.peer = TlsPeer(self.socket, theirs, server_name="gateway.test")
        while not self.peer.shake():
            pass
        self.peer.read()


class Shaking:
    """Stands below until the handshake is over."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls

    def data_received(self, data: bytes) -> None:
        assert self._tls.feed(data)
        if self._tls.shake():
            self._tls.open()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def line(request: pytest.FixtureRequest, certificates: Folder) -> Iterator[Line]:
    with FakeLoop() as loop:
        yield Line(loop, certificates, request.param)


def test_it_begins_once_the_hands_are_shaken(line: Line) -> None:
    assert line.above.told == ["made"]
    assert repr(line.tls).startswith("<tls TLSv1.")


@pytest.mark.parametrize("data", [b"a", LARGE])
def test_bytes_go_both_ways(line: Line, data: bytes) -> None:
    line.peer.send(data)
    line.tls.write(data)
    assert (line.above.received, line.peer.read()) == (data, data)


def test_records_that_come_together_are_one_piece(line: Line) -> None:
    line.socket.feed(line.peer.records(b"a") + line.peer.records(b"b"))
    assert (line.above.received, line.above.writes) == (b"ab", 1)


def test_a_record_in_pieces_comes_when_it_is_whole(line: Line) -> None:
    record = line.peer.records(b"abc")
    line.socket.feed(*[record[at : at + 1] for at in range(len(record))])
    assert (line.above.received, line.above.writes) == (b"abc", 1)


def test_pieces_are_one_write(line: Line) -> None:
    before = len(line.socket.writes)
    line.tls.writelines([b"a", b"", b"b"])
    assert (len(line.socket.writes) - before, line.peer.read()) == (1, b"ab")


def test_nothing_is_no_record(line: Line) -> None:
    before = len(line.socket.writes)
    line.tls.write(b"")
    assert len(line.socket.writes) == before


def test_a_close_is_told_to_the_peer_behind_everything_else(line: Line) -> None:
    line.tls.write(b"last")
    line.tls.close()
    line.tls.close()
    line.tls.write(b"more")
    line.tls.writelines([b"more"])
    line.tls.write_eof()
    line.loop.run_ready()
    assert (line.peer.read(), line.peer.ended) == (b"last", True)
    assert (line.socket.lost, line.above.told[-1], line.tls.is_closing()) == (True, "lost", True)


def test_an_abort_is_told_to_nobody(line: Line) -> None:
    line.tls.abort()
    line.loop.run_ready()
    line.peer.read()
    assert (line.socket.aborted, line.peer.ended) == (True, False)


def test_the_peers_end_ends_the_connection(line: Line) -> None:
    line.peer.end()
    line.loop.run_ready()
    assert line.above.told == ["made", "end", "lost"]


def test_what_came_before_the_end_comes_first(line: Line) -> None:
    record = line.peer.records(b"abc")
    line.socket.reading = False
    line.peer.end()
    (end,) = line.socket._waiting
    line.socket._waiting.clear()
    line.socket.reading = True
    line.socket.feed(record + end.args[0])  # type: ignore[attr-defined]
    assert (line.above.received, line.above.told[:2]) == (b"abc", ["made", "end"])


def test_one_direction_may_end_before_the_other(line: Line) -> None:
    line.above.stays = True
    line.peer.end()
    line.socket.end()
    assert not line.tls.is_closing()
    line.tls.write(b"still")
    assert line.peer.read() == b"still"


def test_the_other_direction_too(line: Line) -> None:
    assert line.tls.can_write_eof()
    line.tls.write_eof()
    line.tls.write_eof()
    assert (line.peer.read(), line.peer.ended, line.socket.ended) == (b"", True, True)
    line.socket.feed(line.peer.records(b"answer")) if _may_go_on(line) else None
    assert line.above.received == (b"answer" if _may_go_on(line) else b"")


def _may_go_on(line: Line) -> bool:
    """TLS 1.2 wants both directions ended together (RFC 5246 7.2.1)."""
    return line.peer.tls.version() == "TLSv1.3"


def test_an_end_that_nobody_has_said_is_a_fault(line: Line) -> None:
    """Whoever cuts the stream must not be taken for the peer."""
    line.socket.end()
    line.loop.run_ready()
    assert line.above.told == ["made", "lost"]


def test_what_comes_behind_the_end_is_nobodys(line: Line) -> None:
    line.above.stays = True
    line.peer.end()
    line.socket.feed(b"\x17\x03\x03\x00\x01a")
    assert line.above.received == b""


def test_a_broken_record_ends_the_connection_and_says_why(line: Line) -> None:
    line.socket.feed(b"\x17\x03\x03\x00\x20" + bytes(32))
    line.loop.run_ready()
    assert line.above.told == ["made", "lost"]
    assert isinstance(line.above.error, ssl.SSLError)


def test_a_peer_that_does_not_keep_up_is_waited_for(line: Line) -> None:
    line.socket.get_stuck()
    line.tls.write(bytes(2 * HIGH_WATER))
    assert line.above.told == ["made", "pause"]
    assert line.tls.get_write_buffer_size() > 2 * HIGH_WATER
    line.socket.get_unstuck()
    assert line.above.told == ["made", "pause", "resume"]


def test_nothing_is_read_while_it_is_paused(line: Line) -> None:
    line.tls.pause_reading()
    line.peer.send(b"abc")
    assert line.above.received == b""
    line.tls.resume_reading()
    line.loop.run_ready()
    assert line.above.received == b"abc"


def test_the_socket_is_still_known(line: Line) -> None:
    assert line.tls.get_extra_info("socket") is line.socket.socket
    assert line.tls.get_extra_info("peername") == ("192.0.2.7", 40000)
    assert isinstance(line.tls.get_extra_info("ssl_object"), ssl.SSLObject)
    assert line.tls.get_extra_info("color", "red") == "red"
