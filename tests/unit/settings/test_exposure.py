"""Exposure: a warning where others could read a secret, never a refusal."""

from pathlib import Path

import pytest

from tests.helpers.configuration import completed, loaded
from tta_gateway.settings.exposure import warnings
from tta_gateway.settings.load import load_text


def test_a_password_in_the_file_is_told_of_without_quoting_it() -> None:
    found = loaded("valkey_url: rediss://:hunter2@h\n")
    (line,) = warnings(found, "gateway.yaml")
    assert line.startswith("gateway.yaml:1:1 valkey_url: warning: holds a password, for all to ")
    assert "write `{file: …}` with the path" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("text", ["", "valkey_url: rediss://h\n", "valkey_url: {env: STORE}\n"])
def test_where_there_is_none_nothing_is_said(text: str) -> None:
    found = loaded(text, {"STORE": "rediss://:hunter2@h"})
    assert warnings(found, "gateway.yaml") == []


def test_in_the_environment_it_may_stand() -> None:
    found = loaded("", {"TTA_GATEWAY__VALKEY_URL": "rediss://:hunter2@h"})
    assert warnings(found, "gateway.yaml") == []


@pytest.mark.parametrize(("mode", "count"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)])
def test_so_is_a_file_that_everybody_may_read(tmp_path: Path, mode: int, count: int) -> None:
    file = tmp_path / "secret"
    file.write_text("rediss://:hunter2@h")
    file.chmod(mode)
    found = load_text(
        completed("valkey_url: {file: secret}\n"), str(tmp_path / "gateway.yaml"), environ={}
    )
    told = (
        f"gateway.yaml:1:1 valkey_url: warning: `{file}` may be read by everybody on this "
        f"machine: `chmod o= {file}`"
    )
    assert warnings(found, "gateway.yaml") == [told] * count


def test_a_file_that_has_gone_since_is_nobody_s_to_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("rediss://h")
    found = load_text(
        completed("valkey_url: {file: secret}\n"), str(tmp_path / "gateway.yaml"), environ={}
    )
    file.unlink()
    assert warnings(found, "gateway.yaml") == []
