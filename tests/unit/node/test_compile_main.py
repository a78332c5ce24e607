"""The compiler as a program; its work is tested in tests/unit/settings."""

import os
import sys
from pathlib import Path

import pytest

from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway.node.compile_main import main
from tta_gateway.snapshot.encode import decode


def compiled(file: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    fd = os.memfd_create("snapshot")
    kept = os.dup(fd)
    monkeypatch.setattr(sys, "argv", ["compile_main", str(file), "7", str(fd)])
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
    file.write_text(PLAYERS + ROUTES)
    assert decode(compiled(file, monkeypatch)).version == 7


def test_a_bad_file_is_every_complaint_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("workers: 0\nroutes: []\n")
    with pytest.raises(SystemExit, match="2"):
        compiled(file, monkeypatch)
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[1] for line in said] == ["workers:", "routes:"]
