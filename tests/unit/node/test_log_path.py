"""Whether the access log can be written is known before it is accepted."""

import os
from pathlib import Path

import msgspec

from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.node.log_path import complaint, path_of
from tta_gateway.snapshot.model import Snapshot


def snapshot(**access: object) -> Snapshot:
    raw = msgspec.Raw(msgspec.msgpack.encode(AccessLogBound(**access)))  # type: ignore[arg-type]
    features = {"access_log": raw}
    return Snapshot(
        version=1, state_dir="", listeners=(), services=(), routes=(), features=features
    )


def test_only_a_file_has_a_path() -> None:
    assert path_of(snapshot(path="/a")) == "/a"
    assert path_of(snapshot(path="-")) == ""
    assert path_of(snapshot(path="/a", enabled=False)) == ""
    assert path_of(msgspec.structs.replace(snapshot(), features={})) == ""


def test_one_that_opens_is_good(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "log"
    assert complaint(str(file)) == ""
    assert file.read_bytes() == b""


def test_one_that_cannot_be_opened_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = complaint(str(tmp_path / "file" / "log"))
    assert "file/log` cannot be written: File exists; let the gateway's user write" in words
    assert "cannot be written: Is a directory" in complaint(str(tmp_path))


def test_one_that_hangs_is_refused_after_a_while(tmp_path: Path) -> None:
    """A pipe that nobody reads holds whoever opens it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = complaint(str(pipe), patience=0.05)
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # lets it go
    assert "pipe` has not opened within 0.05 s: it is on a disk that hangs" in words


def test_a_pipe_that_is_read_is_good(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert complaint(str(pipe)) == ""
    os.close(reader)
