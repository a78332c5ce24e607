"""Looking at the configuration."""

import json
from pathlib import Path

from tests.helpers.command_line import Running, run


def test_the_configuration_is_shown(file: Path) -> None:
    result = run("config", "show", "-c", str(file), TTA_GATEWAY__STATE_DIR="/tmp")
    assert result.exit_code == 0
    assert "state_dir: /tmp  # from TTA_GATEWAY__STATE_DIR\n" in result.output


def test_a_bad_configuration_is_not_shown(file: Path) -> None:
    file.write_text("")
    assert run("config", "show", "-c", str(file)).exit_code == 2


def test_the_schema_is_json() -> None:
    assert json.loads(run("config", "schema").output)["title"] == "tta-gateway"


def test_the_configuration_in_force_is_told(running: Running) -> None:
    result = running.run("config", "status")
    assert (result.exit_code, result.output) == (0, "version 3 of gateway.yaml is in force\n")


def test_a_configuration_that_was_refused_is_a_failure_and_says_why(running: Running) -> None:
    running.says({"refused": ["gateway.yaml:1:1 routes: no", "another"]})
    result = running.run("config", "status")
    assert (result.exit_code, result.stdout) == (1, "version 3 of gateway.yaml is in force\n")
    assert result.stderr == "refused: gateway.yaml:1:1 routes: no\nrefused: another\n"
