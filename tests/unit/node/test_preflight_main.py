"""The preflight as a program: it imports every part, and compiles."""

import os
import runpy
import sys
from pathlib import Path

import msgspec
import pytest

from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.kept import Compiled

MODULE = "tta_gateway.node.preflight_main"


def ran(file: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """What it leaves in the file that it was given."""
    fd = os.memfd_create("snapshot")
    kept = os.dup(fd)
    monkeypatch.setattr(sys, "argv", [MODULE, str(file), "7", str(fd)])
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
