"""Asking a gateway that runs."""

from pathlib import Path

import pytest

from tests.helpers.command_line import Running, run
from tests.helpers.configuration import PLAYERS, ROUTES


@pytest.mark.parametrize(
    "words", [("config", "status"), ("restart", "--workers"), ("upgrade",)], ids=" ".join
)
def test_where_no_gateway_runs_that_is_said(
    file: Path, state: Path, words: tuple[str, ...]
) -> None:
    result = run(*words, "-c", str(file), TTA_GATEWAY__STATE_DIR=str(state))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"no gateway runs with the state folder {state}: ")


@pytest.mark.parametrize("text", ["routes: [", "workers: 0\n", "- 1\n"])
def test_a_file_that_is_broken_keeps_nobody_from_asking_its_gateway(
    running: Running, file: Path, text: str
) -> None:
    file.write_text(text)
    running.says({"refused": ["gateway.yaml:1:1 routes: no"]})
    result = running.run("config", "status")
    assert (result.exit_code, result.stdout) == (1, "version 3 of gateway.yaml is in force\n")
    assert result.stderr == "refused: gateway.yaml:1:1 routes: no\n"


@pytest.mark.parametrize(
    "words", [("config", "status"), ("restart", "--workers"), ("upgrade",)], ids=" ".join
)
def test_the_state_folder_can_be_said(
    running: Running, file: Path, state: Path, words: tuple[str, ...]
) -> None:
    file.unlink()
    running.says({}, {}, {"generation": 1})
    found = run(*words, "-c", str(file), "--state-dir", str(state), TTA_GATEWAY__STATE_DIR="/x")
    assert (found.exit_code, found.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "list"),
        ("user", "add", "ada", "--password-stdin"),
        ("user", "passwd", "ada", "--password-stdin"),
        ("user", "role", "ada", "--grant", "therapist"),
        ("user", "disable", "ada"),
        ("user", "enable", "ada"),
        ("user", "logout", "ada"),
        ("keys", "list"),
        ("keys", "rotate", "--now"),
    ],
)
def test_accounts_and_keys_are_looked_after_by_a_gateway_that_runs(
    file: Path, arguments: tuple[str, ...]
) -> None:
    result = run(*arguments, "-c", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "the administration of ./var does not: " in result.stderr
    file.write_text("admin: off\n" + PLAYERS + ROUTES)
    result = run(*arguments, "-c", str(file))
    assert (result.exit_code, "`admin` is off" in result.stderr) == (1, True)
