"""The compiler as a program; its work is tested in tests/unit/settings."""

import os
import sys
from pathlib import Path

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.node import compile_main
from tta_gateway.node.compile_main import compiled_file, main, refuse
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.kept import Compiled, keep
from tta_gateway.snapshot.sealed import kept as read_kept


def compiled(file: Path, monkeypatch: pytest.MonkeyPatch, *known_log: str) -> bytes:
    fd = os.memfd_create("snapshot")
    kept = os.dup(fd)
    monkeypatch.setattr(sys, "argv", ["compile_main", str(file), "7", str(fd), *known_log])
    try:
        main()
        with os.fdopen(os.dup(kept), "rb") as out:
            out.seek(0)
            return out.read()
    finally:
        os.close(kept)


def test_a_good_file_becomes_a_snapshot_of_that_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {tmp_path}\n{PLAYERS}{ROUTES}")
    both = msgspec.msgpack.decode(compiled(file, monkeypatch), type=Compiled)
    assert decode(both.data).version == 7


def test_the_snapshot_is_there_sealed_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {tmp_path}\n{PLAYERS}{ROUTES}")
    both = msgspec.msgpack.decode(compiled(file, monkeypatch), type=Compiled)
    keep(both.sealed, tmp_path)
    assert (read_kept(tmp_path), both.data in both.sealed) == (both.data, False)


def test_a_state_folder_that_cannot_be_had_is_a_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {file}\n{PLAYERS}{ROUTES}")
    with pytest.raises(SystemExit, match="2"):
        compiled(file, monkeypatch)
    assert capsys.readouterr().err.startswith("state_dir: ")


def test_a_bad_file_is_every_complaint_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("workers: 0\nroutes: []\n")
    with pytest.raises(SystemExit, match="2"):
        compiled(file, monkeypatch)
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[1] for line in said] == ["workers:", "routes:"]


def test_an_access_log_that_cannot_be_written_is_a_complaint_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless it is the one in force, which may hang by now while something else is mended."""
    file, log = tmp_path / "gateway.yaml", tmp_path / "gateway.yaml" / "log"
    file.write_text(f"state_dir: {tmp_path}\naccess_log: {{path: {log}}}\n{PLAYERS}{ROUTES}")
    with pytest.raises(SystemExit, match="2"):
        compiled(file, monkeypatch, "another")
    said = capsys.readouterr().err
    assert said.startswith(f"{file}:2:14 access_log.path: `{log}` cannot be written: ")
    assert compiled(file, monkeypatch, str(log))


def test_a_file_that_changes_while_it_is_compiled_is_a_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {tmp_path}\n{PLAYERS}{ROUTES}")

    def changes(*_: object) -> None:
        raise ConfigError(["`a.pem` cannot be read: it has changed"])

    monkeypatch.setattr(compile_main, "compile_snapshot", changes)
    with pytest.raises(SystemExit, match="2"):
        compiled(file, monkeypatch)
    assert capsys.readouterr().err == "`a.pem` cannot be read: it has changed\n"


def test_a_file_compiles_without_being_written_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {tmp_path}\n{PLAYERS}{ROUTES}")
    both = msgspec.msgpack.decode(compiled_file(file, 3), type=Compiled)
    assert decode(both.data).version == 3


def test_who_refuses_says_every_word_and_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        refuse(["one", "another"])
    assert (ended.value.code, capsys.readouterr()) == (2, ("", "one\nanother\n"))
