"""The command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.helpers.certificates import Folder
from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway import __version__
from tta_gateway.cli import main
from tta_gateway.support.build import form


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "gateway.yaml"
    found.write_text(PLAYERS + ROUTES)
    return found


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(main, arguments)


def test_a_good_file_is_counted(file: Path) -> None:
    result = run("check", "-c", str(file))
    assert (result.exit_code, result.output) == (0, f"{file} is good: 1 service, 1 route\n")


def test_more_than_one_is_counted_as_many(file: Path) -> None:
    file.write_text(
        "routes: [{path: /, respond: {}, auth: none}, {path: /a, redirect: /, auth: none}]"
    )
    assert run("check", "-c", str(file)).output == f"{file} is good: 0 services, 2 routes\n"


def test_every_error_of_a_bad_file_is_a_line_on_standard_error(file: Path) -> None:
    file.write_text("workers: 0\nroutes: []\n")
    result = run("check", "-c", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [
        f"{file}:1:1 workers",
        f"{file}:2:1 routes",
    ]


def test_a_certificate_whose_time_is_over_is_a_warning(file: Path, tmp_path: Path) -> None:
    made = Folder(tmp_path).issue("a.test", days=-1)
    listen = [{"address": "a:1", "tls": {"certificates": [made]}}]
    file.write_text(f"listen: {json.dumps(listen)}\n{PLAYERS}{ROUTES}")
    result = run("check", "-c", str(file))
    assert (result.exit_code, "is good" in result.stdout) == (0, True)
    assert "listen[0].tls.certificates[0].certificate: warning: " in result.stderr
    assert "has expired on " in result.stderr


def test_the_environment_counts(file: Path) -> None:
    result = run("check", "-c", str(file), TTA_GATEWAY__WORKERS="x")
    assert (
        result.stderr == "TTA_GATEWAY__WORKERS workers: must be a whole number, not the text `x`\n"
    )


def test_the_configuration_is_shown(file: Path) -> None:
    result = run("config", "show", "-c", str(file), TTA_GATEWAY__STATE_DIR="/tmp")
    assert result.exit_code == 0
    assert "state_dir: /tmp  # from TTA_GATEWAY__STATE_DIR\n" in result.output


def test_a_bad_configuration_is_not_shown(file: Path) -> None:
    file.write_text("")
    assert run("config", "show", "-c", str(file)).exit_code == 2


def test_the_schema_is_json() -> None:
    assert json.loads(run("config", "schema").output)["title"] == "tta-gateway"


def test_the_version_is_said() -> None:
    assert run("--version").output == f"tta-gateway {__version__}, {form()}\n"


def test_the_command_line_itself_is_light() -> None:
    program = "import sys, tta_gateway.cli; print({'pydantic', 'yaml', 'msgspec'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
