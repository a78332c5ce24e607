import os
import stat
from pathlib import Path

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import EventLog, LineFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "access.log"


def test_lines_are_written_each_with_its_end(path: Path) -> None:
    lines = LineFile(str(path))
    lines.put(b"one")
    lines.put(b"two")
    lines.flush()
    assert path.read_bytes() == b"one\ntwo\n"


def test_nothing_is_written_before_a_moment_has_passed(path: Path) -> None:
    LineFile(str(path)).put(b"one")
    assert path.read_bytes() == b""


def test_many_lines_are_written_at_once(path: Path) -> None:
    lines = LineFile(str(path))
    for _ in range(64):
        lines.put(b"x" * 1023)
    assert len(path.read_bytes()) == 64 * 1024


def test_what_was_written_is_not_written_again(path: Path) -> None:
    lines = LineFile(str(path))
    lines.put(b"one")
    lines.flush()
    lines.flush()
    assert path.read_bytes() == b"one\n"


def test_lines_are_added_to_what_the_file_holds(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"before\n")
    lines = LineFile(str(path))
    lines.put(b"after")
    lines.close()
    assert path.read_bytes() == b"before\nafter\n"


def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    lines = LineFile(str(pipe))
    for _ in range(64 * 16):
        lines.put(b"x" * 1023)
    lines.close()
    os.close(reader)
    assert 0 < lines.dropped < 64 * 16


def test_a_pipe_that_is_read_gets_every_line(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    lines = LineFile(str(pipe))
    for _ in range(6):
        lines.put(b"x" * 1023)
    lines.close()
    read = os.read(reader, 64 * 1024)
    os.close(reader)
    assert (len(read), lines.dropped) == (6 * 1024, 0)


def test_a_log_is_not_for_everybody_to_read(path: Path) -> None:
    LineFile(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        LineFile(str(tmp_path))


def test_lines_to_standard_output_go_there(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    lines = LineFile("-")
    lines.put(b"one")
    lines.close()
    assert capfdbinary.readouterr().out == b"one\n"


def test_standard_output_stays_open(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    lines = LineFile("-")
    lines.close()
    lines.put(b"one")
    lines.flush()
    assert capfdbinary.readouterr().out == b"one\n"


def test_what_a_full_disk_refuses_is_counted() -> None:
    lines = LineFile("/dev/full")
    lines.put(b"one")
    lines.put(b"two")
    lines.flush()
    assert lines.dropped == 2


def test_lines_that_were_lost_are_taken_once() -> None:
    lines = LineFile("/dev/full")
    lines.put(b"one")
    lines.put(b"two")
    lines.flush()
    assert (lines.take_dropped(), lines.take_dropped()) == (2, 0)
    lines.put(b"three")
    lines.flush()
    assert lines.take_dropped() == 1


def test_where_nothing_was_lost_there_is_nothing_to_take(path: Path) -> None:
    lines = LineFile(str(path))
    lines.put(b"one")
    lines.flush()
    assert lines.take_dropped() == 0


def test_what_was_refused_is_not_tried_again(path: Path) -> None:
    lines = refused_once(LineFile(str(path)))
    lines.put(b"two")
    lines.flush()
    assert (path.read_bytes(), lines.dropped) == (b"two\n", 1)


def refused_once(lines: LineFile) -> LineFile:
    """Return the lines of which one has met a full disk."""
    own = lines._fd
    full = os.open("/dev/full", os.O_WRONLY)
    lines._fd = full
    lines.put(b"one")
    lines.flush()
    lines._fd = own
    os.close(full)
    return lines


class Pipe:
    """A log whose reader is slow: it holds 64 KiB, and refuses more at once."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self.reader, False)
        self.lines = LineFile("/dev/null")
        os.close(self.lines._fd)
        self.lines._fd = self._writer

    def read(self) -> bytes:
        return os.read(self.reader, 1024 * 1024)

    def close(self) -> None:
        self.lines.close()
        os.close(self.reader)


def test_a_reader_that_does_not_keep_up_costs_lines_and_no_time() -> None:
    pipe = Pipe()
    pipe.lines.put(b"x" * 100_000)
    pipe.lines.put(b"y")
    pipe.lines.flush()
    assert pipe.lines.dropped == 2
    pipe.close()


def test_a_line_that_was_torn_does_not_tear_the_next() -> None:
    pipe = Pipe()
    pipe.lines.put(b"x" * 100_000)
    torn = pipe.read()
    pipe.lines.put(b"one")
    pipe.lines.flush()
    assert (torn.strip(b"x"), pipe.read()) == (b"", b"\none\n")
    pipe.close()


def test_a_line_that_was_torn_is_parted_from_the_next_once() -> None:
    pipe = Pipe()
    pipe.lines.put(b"x" * 100_000)
    pipe.read()
    pipe.lines.put(b"one")
    pipe.lines.flush()
    pipe.lines.put(b"two")
    pipe.lines.flush()
    assert pipe.read() == b"\none\ntwo\n"
    pipe.close()


def test_a_line_stays_torn_while_nothing_can_be_written() -> None:
    pipe = Pipe()
    pipe.lines.put(b"x" * 100_000)
    pipe.lines.put(b"lost")
    pipe.lines.flush()
    pipe.read()
    pipe.lines.put(b"one")
    pipe.lines.flush()
    assert (pipe.read(), pipe.lines.dropped) == (b"\none\n", 2)
    pipe.close()


def test_a_closed_log_loses_lines_and_writes_to_no_other_file(path: Path) -> None:
    lines = LineFile("/dev/null")
    number = lines._fd
    lines.close()
    other = os.open(path.parent.parent / "other", os.O_WRONLY | os.O_CREAT)
    lines.put(b"late")
    lines.flush()
    assert (other, lines.dropped, os.fstat(other).st_size) == (number, 1, 0)
    os.close(other)


class Kept:
    """Lines that are kept in a list."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line)


def test_an_event_is_one_object_on_one_line() -> None:
    kept = Kept()
    EventLog(kept, Stamp(FakeClock().wall)).event("endpoint_ejected", endpoint="a\nb", slot=3)
    assert [msgspec.json.decode(line) for line in kept.lines] == [
        {
            "ts": "2023-11-14T22:13:20.000Z",
            "event": "endpoint_ejected",
            "endpoint": "a\nb",
            "slot": 3,
        }
    ]


def test_an_event_never_breaks_its_line() -> None:
    kept = Kept()
    EventLog(kept, Stamp(FakeClock().wall)).event("x", text="a\nb\r\u2028")
    assert b"\n" not in kept.lines[0]


def test_a_file_that_was_moved_away_is_made_anew(path: Path) -> None:
    lines = LineFile(str(path))
    lines.put(b"one")
    moved = path.with_suffix(".1")
    path.rename(moved)
    lines.reopen()
    lines.put(b"two")
    lines.close()
    assert (moved.read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")


def test_a_file_that_cannot_be_made_anew_is_written_on(path: Path) -> None:
    lines = LineFile(str(path))
    moved = path.parent.with_name("moved")
    path.parent.rename(moved)
    path.parent.write_text("in the way")
    with pytest.raises(OSError, match=r"exists|directory"):
        lines.reopen()
    lines.put(b"on")
    lines.close()
    assert (moved / path.name).read_bytes() == b"on\n"


def test_standard_output_is_what_it_is() -> None:
    lines = LineFile("-")
    lines.reopen()
    assert lines._fd == 1
