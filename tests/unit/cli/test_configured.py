"""A configuration that is no good."""

from pathlib import Path

import pytest

from tests.helpers.command_line import Became, run
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings import compile


@pytest.mark.parametrize("command", [("run",), ("routes", "explain", "GET", "/")])
def test_a_certificate_that_changes_while_it_is_read_is_said(
    file: Path, state: Path, became: Became, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    def changes(*_: object) -> None:
        raise ConfigError(["`a.pem` cannot be read: it has changed"])

    monkeypatch.setattr(compile, "compile_snapshot", changes)
    result = run(*command, "-c", str(file), TTA_GATEWAY__STATE_DIR=str(state))
    assert (result.exit_code, became.compiled) == (2, None)
    assert result.stderr == "`a.pem` cannot be read: it has changed\n"
