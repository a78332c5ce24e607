"""Lines on their way to whoever writes them."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tta_gateway.support import log_socket
from tta_gateway.support.log_socket import LARGEST, LineSender, LineWriter


class Ends:
    """Both ends, and a writer at one of them."""

    def __init__(self) -> None:
        self.reader, self.sender = log_socket.pair()
        self.failed: list[str] = []
        self.writer = LineWriter(self.reader, failed=self._failed)

    def _failed(self, path: str, error: OSError) -> bytes:
        self.failed.append(f"{Path(path).name}: {error.strerror}")
        return b"{}"

    def write_all(self) -> None:
        """Write what has come so far."""
        log_socket.stop(self.sender)
        while self.writer.write_next():
            pass

    def close(self) -> None:
        self.reader.close()
        self.sender.close()
        self.writer.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


def test_lines_reach_their_file_in_order(ends: Ends, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "access.log"
    lines = LineSender(ends.sender, str(file))
    for number in range(5):
        lines.put(b"%d" % number)
        lines.flush()
    ends.write_all()
    assert file.read_bytes() == b"0\n1\n2\n3\n4\n"


def test_each_log_has_its_file(ends: Ends, tmp_path: Path) -> None:
    for name in ("a", "b"):
        lines = LineSender(ends.sender, str(tmp_path / name))
        lines.put(name.encode())
        lines.flush()
    ends.write_all()
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"a\n", b"b\n")


def test_many_lines_go_by_themselves(ends: Ends, tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = LineSender(ends.sender, str(file))
    for _ in range(70):
        lines.put(bytes(1000).replace(b"\0", b"x"))
    ends.write_all()
    assert file.stat().st_size > 60_000


def test_a_file_that_does_not_open_is_told_of_once_and_tried_again(
    ends: Ends, tmp_path: Path
) -> None:
    way = tmp_path / "way"
    way.touch()
    lines = LineSender(ends.sender, str(way / "log"))
    for number in range(3):
        lines.put(b"%d" % number)
        lines.flush()
    ends.write_all()
    assert (ends.failed, ends.writer.take_dropped()) == (["log: File exists"], 3)
    way.unlink()
    lines.put(b"3")
    lines.flush()
    ends.write_all()
    assert (way / "log").read_bytes() == b"3\n"


def test_who_is_not_read_waits_and_then_loses_the_oldest(ends: Ends, tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = LineSender(ends.sender, str(file))
    for number in range(200):
        lines.put(b"%d" % number + b" " * 60_000)
    dropped = lines.take_dropped()
    assert 0 < dropped < 199
    assert lines.take_dropped() == 0
    for _ in range(40):
        while _is_readable(ends.reader):
            ends.writer.write_next()
        lines.flush()
    written = [int(line) for line in file.read_bytes().split()]
    assert written == sorted(written)
    assert len(written) == 200 - dropped
    assert written[-1] == 199


def _is_readable(sock: socket.socket) -> bool:
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    return True


def test_a_line_that_no_datagram_holds_is_lost_and_no_other(ends: Ends, tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = LineSender(ends.sender, str(file))
    lines.put(b"x" * (4 << 20))
    lines.put(b"after")
    lines.flush()
    ends.write_all()
    assert (lines.take_dropped(), file.read_bytes()) == (1, b"after\n")


def test_long_lines_never_share_a_datagram_that_is_cut_off(ends: Ends, tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = LineSender(ends.sender, str(file))
    whole = [b"a" * 65_000, b"b" * 100_000, b"c" * 65_000, b"d"]
    for line in whole:
        lines.put(line)
    lines.flush()
    ends.write_all()
    assert (lines.take_dropped(), file.read_bytes().splitlines()) == (0, whole)


def test_the_longest_line_comes_whole_and_a_longer_one_not_at_all(
    ends: Ends, tmp_path: Path
) -> None:
    file = tmp_path / "log"
    lines = LineSender(ends.sender, str(file))
    longest = LARGEST - len(f"{file}\0\n")
    for line in (b"x" * longest, b"y" * (longest + 1), b"z"):
        lines.put(line)
    lines.flush()
    ends.write_all()
    assert lines.take_dropped() == 1
    assert file.read_bytes().splitlines() == [b"x" * longest, b"z"]


def test_lines_go_on_in_a_new_file_when_the_old_one_was_moved(ends: Ends, tmp_path: Path) -> None:
    file, old = tmp_path / "log", tmp_path / "log.1"
    lines = LineSender(ends.sender, str(file))
    lines.put(b"before")
    lines.flush()
    ends.writer.write_next()
    file.rename(old)
    log_socket.reopen(ends.sender)
    lines.put(b"after")
    lines.flush()
    ends.write_all()
    assert (old.read_bytes(), file.read_bytes()) == (b"before\n", b"after\n")


def test_a_file_that_cannot_be_opened_costs_its_lines_which_are_counted(
    ends: Ends, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    lines = LineSender(ends.sender, str(tmp_path / "file" / "below"))
    lines.put(b"one")
    lines.put(b"two")
    lines.flush()
    ends.write_all()
    assert ends.writer.take_dropped() == 2
    assert ends.failed == [f"below: {os.strerror(17)}"]
    assert capfd.readouterr().out == "{}\n"


def test_without_a_path_lines_go_to_standard_output(
    ends: Ends, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = LineSender(ends.sender, "")
    lines.put(b"an event")
    lines.close()
    ends.write_all()
    assert capfd.readouterr().out == "an event\n"


def test_a_writer_that_has_gone_holds_nobody(ends: Ends) -> None:
    lines = LineSender(ends.sender, "")
    ends.reader.close()
    lines.put(b"nobody reads this")
    lines.flush()
    assert lines.take_dropped() == 1
