"""Checking a configuration, and becoming the gateway of it."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.helpers.certificates import Folder
from tests.helpers.command_line import Became, run
from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway.node import beginning
from tta_gateway.snapshot.kept import keep
from tta_gateway.snapshot.parts import decode_parts, encoded

FOUND = "services: {players: {discover: {docker: players}}}\n"


def test_a_good_file_is_counted(file: Path) -> None:
    result = run("check", "-c", str(file))
    assert result.exit_code == 0
    assert result.output.startswith(f"{file} is good: 1 service, 1 route\n")


def test_how_many_routes_are_scanned_is_told(file: Path) -> None:
    told = run("check", "-c", str(file)).stdout.splitlines()[1:]
    assert told[0].startswith("safety: 1 of 1 therapeutic routes are scanned (100 %)")
    assert "help lines" in told[-1]


def test_more_than_one_is_counted_as_many(file: Path) -> None:
    file.write_text(
        "routes: [{path: /, respond: {}, auth: none}, {path: /a, redirect: /, auth: none}]"
    )
    told = run("check", "-c", str(file)).stdout.splitlines()
    assert told[0] == f"{file} is good: 0 services, 2 routes"


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


def test_where_nobody_would_be_called_that_is_a_warning(file: Path) -> None:
    file.write_text(PLAYERS + ROUTES)
    result = run("check", "-c", str(file))
    assert (result.exit_code, "is good" in result.stdout) == (0, True)
    assert "escalation: warning: people in need are looked for, and nobody" in result.stderr


@pytest.mark.parametrize("command", ["check", "run"])
def test_what_crosses_the_network_in_the_clear_needs_a_reason(file: Path, command: str) -> None:
    file.write_text(f"{file.read_text()}listen: '0.0.0.0:8080'\n")
    result = run(command, "-c", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert " listen[0]: what people write would cross the network" in result.stderr
    assert "`plaintext: {listen: …}`" in result.stderr


def test_what_is_found_in_the_clear_is_a_warning(file: Path) -> None:
    file.write_text(FOUND + ROUTES)
    result = run("check", "-c", str(file))
    assert (result.exit_code, "is good" in result.stdout) == (0, True)
    assert "services.players.discover: warning: what is found beyond" in result.stderr


def test_the_environment_counts(file: Path) -> None:
    result = run("check", "-c", str(file), TTA_GATEWAY__WORKERS="x")
    assert (
        result.stderr == "TTA_GATEWAY__WORKERS workers: must be a whole number, not the text `x`\n"
    )


def test_a_good_file_is_compiled_and_served(file: Path, state: Path, became: Became) -> None:
    result = run("run", "-c", str(file), TTA_GATEWAY__STATE_DIR=str(state))
    assert (result.exit_code, became.routes[0], became.file) == (0, "/", file)


def test_it_begins_with_what_is_kept_of_registries(
    file: Path, state: Path, became: Became, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(data: bytes, folder: Path, *, wall: Callable[[], float]) -> bytes:
        assert (folder, wall() > 0.0) == (state, True)
        parts = decode_parts(data)
        live = {"service/players": msgspec.Raw(b"\xc0")}
        return encoded(msgspec.structs.replace(parts, live=live))

    monkeypatch.setattr(beginning, "begun", begun)
    run("run", "-c", str(file), TTA_GATEWAY__STATE_DIR=str(state))
    assert became.compiled is not None
    assert list(decode_parts(became.compiled.data).live) == ["service/players"]


def test_a_bad_file_is_not_served(file: Path, state: Path, became: Became) -> None:
    file.write_text("routes: []\n")
    result = run("run", "-c", str(file), TTA_GATEWAY__STATE_DIR=str(state))
    assert (result.exit_code, became.compiled) == (2, None)


def test_a_state_folder_that_cannot_be_had_is_said(file: Path, became: Became) -> None:
    result = run("run", "-c", str(file), TTA_GATEWAY__STATE_DIR=str(file))
    assert (result.exit_code, became.compiled) == (1, None)
    assert result.stderr.startswith("cannot start: ")


def test_an_access_log_that_cannot_be_written_is_said(
    file: Path, state: Path, became: Became
) -> None:
    here = {"TTA_GATEWAY__STATE_DIR": str(state), "TTA_GATEWAY__ACCESS_LOG__PATH": f"{file}/log"}
    result = run("run", "-c", str(file), **here)
    assert (result.exit_code, became.compiled) == (1, None)
    assert result.stderr.startswith(
        f"cannot start: access_log.path: `{file}/log` cannot be written"
    )


def test_what_was_kept_is_served_whatever_the_file_says(
    file: Path, state: Path, became: Became
) -> None:
    run("run", "-c", str(file), TTA_GATEWAY__STATE_DIR=str(state))
    assert became.compiled is not None
    keep(became.compiled.sealed, state)
    file.write_text("not even yaml: [")
    result = run("run", "-c", str(file), "--kept", str(state))
    assert (result.exit_code, became.routes[0]) == (0, "/")


def test_what_was_kept_goes_on_in_its_folder_wherever_the_command_is_run(
    file: Path, state: Path, became: Became, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.mkdir()
    monkeypatch.chdir(state.parent)
    run("run", "-c", str(file), TTA_GATEWAY__STATE_DIR="./state")
    assert became.compiled is not None
    keep(became.compiled.sealed, state)
    monkeypatch.chdir("/")
    run("run", "-c", str(file), "--kept", str(state))
    assert became.snapshot.state_dir == str(state)


def test_where_nothing_is_kept_that_is_said(file: Path, state: Path, became: Became) -> None:
    result = run("run", "-c", str(file), "--kept", str(state))
    assert (result.exit_code, became.compiled) == (1, None)
    assert result.stderr == (
        f"cannot start: {state} holds no kept configuration: run a good one first\n"
    )
