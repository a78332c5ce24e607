"""The preflight as a program: it imports every part, and compiles."""

import os
import runpy
import sys
from pathlib import Path

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway.node import embedded
from tta_gateway.node.child import file_of
from tta_gateway.node.handover import Handover, encoded
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.kept import Compiled

MODULE = "tta_gateway.node.preflight_main"


NOTHING = encoded(
    Handover(
        snapshot=b"",
        slots=1,
        listeners=[],
        probe=[],
        admin=[],
        public=-1,
        commands=-1,
        lock=-1,
        segments=-1,
        segment=0,
        logs=[],
        children=[],
        generation=1,
    )
)


def ran(file: Path, monkeypatch: pytest.MonkeyPatch, *, handover: bytes = NOTHING) -> bytes:
    """What it leaves in the file that it was given."""
    fd = os.memfd_create("snapshot")
    kept = os.dup(fd)
    left = file_of(handover)
    monkeypatch.setattr(sys, "argv", [MODULE, str(file), "7", str(fd), str(left)])
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    try:
        runpy.run_module(MODULE, run_name="__main__")
        return os.pread(kept, 1_000_000, 0)
    finally:
        os.close(kept)


def test_every_process_of_the_node_is_a_part() -> None:
    from tta_gateway.node import preflight_main

    names = {part.__name__.rpartition(".")[2] for part in preflight_main.PARTS}
    folder = Path(str(preflight_main.__file__)).parent
    mains = {file.stem for file in folder.glob("*_main.py")}
    assert names | {"compile_main", "preflight_main"} == mains


def test_it_compiles_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {tmp_path}\n{PLAYERS}{ROUTES}")
    both = msgspec.msgpack.decode(ran(file, monkeypatch), type=Compiled)
    assert decode(both.data).version == 7


def test_a_bad_configuration_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("routes: []\n")
    with pytest.raises(SystemExit, match="2"):
        ran(file, monkeypatch)
    assert f"{file}:1:1 routes: " in capsys.readouterr().err


@pytest.mark.parametrize("handover", [b"", b"\xc1", msgspec.msgpack.encode({"slots": 1})])
def test_what_it_could_not_take_over_is_told_and_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    handover: bytes,
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {tmp_path}\n{PLAYERS}{ROUTES}")
    with pytest.raises(SystemExit, match="2"):
        ran(file, monkeypatch, handover=handover)
    said = capsys.readouterr().err
    assert said.startswith("the new version cannot take over from this one (")
    assert said.endswith("): stop it, and start anew\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(22, "it is too old", "/data/valkey"), "/data/valkey: it is too old\n"),
        (OSError(2, "there is no such program"), "valkey: there is no such program\n"),
    ],
)
def test_a_valkey_that_cannot_read_the_data_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    said: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(embedded, "prepare", fail)
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state_dir: {tmp_path}\n{PLAYERS}{ROUTES}")
    with pytest.raises(SystemExit, match="2"):
        ran(file, monkeypatch)
    assert capsys.readouterr().err == said
