"""The thread that writes logs: what was sent before its end is written."""

from pathlib import Path

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.log_thread import LogThread
from tta_gateway.support.clock import Stamp
from tta_gateway.support.log import DROPPED
from tta_gateway.support.log_socket import LineSender, pair
from tta_gateway.support.metrics import Child, Registry


def thread() -> tuple[LogThread, Child]:
    dropped = Registry().child(DROPPED)
    reader, sender = pair()
    return LogThread(reader, sender, stamp=Stamp(FakeClock().wall), dropped=dropped), dropped


def close(logs: LogThread) -> None:
    logs.reader.close()
    logs.sender.close()


def test_what_was_sent_is_written_before_the_end(tmp_path: Path) -> None:
    logs, dropped = thread()
    lines = LineSender(logs.sender, str(tmp_path / "log"))
    for number in range(100):
        lines.put(b"%d" % number)
    lines.flush()
    logs.stop()
    assert len((tmp_path / "log").read_bytes().splitlines()) == 100
    assert dropped.values() == [0.0]
    close(logs)


def test_it_goes_on_when_it_is_started_again(tmp_path: Path) -> None:
    logs, _ = thread()
    logs.stop()
    logs.start()
    lines = LineSender(logs.sender, str(tmp_path / "log"))
    lines.put(b"after")
    lines.flush()
    logs.reopen()
    logs.stop()
    assert (tmp_path / "log").read_bytes() == b"after\n"
    close(logs)


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    logs, dropped = thread()
    (tmp_path / "file").write_text("")
    lines = LineSender(logs.sender, str(tmp_path / "file" / "below"))
    lines.put(b"lost")
    lines.flush()
    logs.stop()
    assert dropped.values() == [1.0]
    close(logs)
