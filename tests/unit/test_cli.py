"""The command line."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from tests.helpers.certificates import Folder
from tests.helpers.configuration import PLAYERS, ROUTES
from tta_gateway import __version__, cli
from tta_gateway.cli import main
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.node import beginning, supervisor_main
from tta_gateway.node.commands import SOCKET
from tta_gateway.node.near import listening
from tta_gateway.settings import compile
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.kept import Compiled, keep
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import decode_parts, encoded
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
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # the copy that is tested
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=here
    )
    assert done.stdout == "set()\n"


# Starting


class Became:
    """What this process would have become."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.compiled: Compiled | None = None
        monkeypatch.setattr(supervisor_main, "become", self._become)

    def _become(self, compiled: bytes, file: Path) -> None:
        self.compiled = msgspec.msgpack.decode(compiled, type=Compiled)
        self.file = file

    @property
    def snapshot(self) -> Snapshot:
        assert self.compiled is not None
        return decode(self.compiled.data)

    @property
    def routes(self) -> list[str]:
        return [route.path for route in self.snapshot.routes]


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> Became:
    return Became(monkeypatch)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


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


# A gateway that runs

Told = dict[str, Any]
STATUS: Told = {
    "configuration": 3,
    "file": "gateway.yaml",
    "version": "1.2.3",
    "generation": 0,
    "renewing": 0,
    "broken_off": "",
    "pids": [7, 8],
    "upgrade": {"checking": False, "refused": []},
}


class Running:
    """A gateway that answers what the test says: each answer once, and the last for ever."""

    def __init__(self, file: Path, state: Path) -> None:
        state.mkdir()
        self._file = file
        self._state = state
        self._socket = listening(state / SOCKET)
        self.answers: dict[str, list[Told]] = {
            "status": [STATUS],
            "restart": [{"asked": "restart"}],
            "upgrade": [{"asked": "upgrade"}],
        }
        self.asked: list[str] = []

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return  # it is over
            with client, client.makefile("rb") as said:
                word = json.loads(said.readline())["do"]
                self.asked.append(word)
                told = self.answers[word]
                answer = told.pop(0) if len(told) > 1 else told[0]
                client.sendall(json.dumps(answer).encode() + b"\n")

    def says(self, *told: Told) -> None:
        """Say this when it is asked how it is."""
        self.answers["status"] = [{**STATUS, **one} for one in told]

    def run(self, *words: str) -> Result:
        return run(*words, "-c", str(self._file), TTA_GATEWAY__STATE_DIR=str(self._state))

    def close(self, serving: "Future[None]") -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        serving.result()
        self._socket.close()


@pytest.fixture
def running(file: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(cli, "time", SimpleNamespace(sleep=lambda _: None))
    made = Running(file, state)
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(made.serve)
        yield made
        made.close(serving)


@pytest.mark.parametrize(
    "words", [("config", "status"), ("restart", "--workers"), ("upgrade",)], ids=" ".join
)
def test_where_no_gateway_runs_that_is_said(
    file: Path, state: Path, words: tuple[str, ...]
) -> None:
    result = run(*words, "-c", str(file), TTA_GATEWAY__STATE_DIR=str(state))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"no gateway runs with the state folder {state}: ")


def test_the_configuration_in_force_is_told(running: Running) -> None:
    result = running.run("config", "status")
    assert (result.exit_code, result.output) == (0, "version 3 of gateway.yaml is in force\n")


def test_a_configuration_that_was_refused_is_a_failure_and_says_why(running: Running) -> None:
    running.says({"refused": ["gateway.yaml:1:1 routes: no", "another"]})
    result = running.run("config", "status")
    assert (result.exit_code, result.stdout) == (1, "version 3 of gateway.yaml is in force\n")
    assert result.stderr == "refused: gateway.yaml:1:1 routes: no\nrefused: another\n"


def test_workers_are_replaced_and_that_is_waited_for(running: Running) -> None:
    running.says({"renewing": 2}, {"renewing": 1}, {"renewing": 0})
    result = running.run("restart", "--workers")
    assert (result.exit_code, result.output) == (0, "2 workers replaced\n")
    assert running.asked == ["restart", "status", "status", "status"]


def test_one_worker_is_one(running: Running) -> None:
    running.says({"pids": [7]})
    assert running.run("restart", "--workers").output == "1 worker replaced\n"


def test_what_to_restart_has_to_be_said(running: Running) -> None:
    result = running.run("restart")
    assert (result.exit_code, running.asked) == (2, [])
    assert "say what: --workers" in result.stderr


def test_a_restart_that_is_refused_says_why(running: Running) -> None:
    running.answers["restart"] = [{"error": "not yet"}]
    result = running.run("restart", "--workers")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "not yet\n")


def test_a_restart_that_was_broken_off_says_why(running: Running) -> None:
    running.says({"renewing": 2}, {"broken_off": "a new worker ended with 3 before it served"})
    result = running.run("restart", "--workers")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "a new worker ended with 3 before it served\n"


def test_a_restart_that_never_ends_is_not_waited_for_for_ever(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_LONGEST_RENEWAL", 1)
    running.says({"renewing": 2})
    result = running.run("restart", "--workers")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "see the log" in result.stderr


def test_an_upgrade_is_over_when_the_workers_are_new(running: Running) -> None:
    running.says({}, {}, {"generation": 1, "renewing": 2}, {"generation": 1, "version": "1.3"})
    result = running.run("upgrade")
    assert (result.exit_code, result.output) == (0, "version 1.3 serves\n")
    assert running.asked == ["status", "upgrade", "status", "status", "status"]


def test_an_upgrade_that_is_refused_says_every_reason(running: Running) -> None:
    running.says({}, {"upgrade": {"checking": False, "refused": ["one", "two"]}})
    result = running.run("upgrade")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "one\ntwo\n")


def test_an_upgrade_of_which_the_workers_do_not_serve_says_why(running: Running) -> None:
    running.says({}, {"generation": 1, "broken_off": "no"})
    result = running.run("upgrade")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "no\n")


def test_an_upgrade_is_not_asked_for_twice(running: Running) -> None:
    running.answers["upgrade"] = [{"error": "an upgrade is under way already"}]
    result = running.run("upgrade")
    assert (result.exit_code, result.stderr) == (1, "an upgrade is under way already\n")


# Its file is broken by now


@pytest.mark.parametrize("text", ["routes: [", "workers: 0\n", "- 1\n"])
def test_a_file_that_is_broken_keeps_nobody_from_asking_its_gateway(
    running: Running, file: Path, text: str
) -> None:
    file.write_text(text)
    running.says({"refused": ["gateway.yaml:1:1 routes: no"]})
    result = running.run("config", "status")
    assert (result.exit_code, result.stdout) == (1, "version 3 of gateway.yaml is in force\n")
    assert result.stderr == "refused: gateway.yaml:1:1 routes: no\n"


def test_a_file_that_is_broken_keeps_nobody_from_new_workers(running: Running, file: Path) -> None:
    file.write_text("routes: [")
    assert running.run("restart", "--workers").output == "2 workers replaced\n"


def test_a_file_that_is_broken_is_the_running_gateways_to_refuse(
    running: Running, file: Path
) -> None:
    file.write_text("routes: [")
    running.says({}, {"upgrade": {"checking": False, "refused": ["gateway.yaml:1:9 no"]}})
    result = running.run("upgrade")
    assert (result.exit_code, result.stderr) == (1, "gateway.yaml:1:9 no\n")


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


def test_roles_that_are_to_change_have_to_be_named(file: Path) -> None:
    result = run("user", "role", "ada", "-c", str(file))
    assert (result.exit_code, "--grant or --revoke" in result.stderr) == (2, True)
