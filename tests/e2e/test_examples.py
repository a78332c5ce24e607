"""The demonstration: it starts, every command that it prints does what it promises, and it ends."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import pytest
import yaml

from examples.tta import run
from examples.tta.children import Child
from examples.tta.commands import COMMANDS
from tests.e2e.demonstration import (
    COMMAND,
    FREE,
    READY,
    ROOT,
    START,
    STOP,
    Demonstration,
    demonstration,
)
from tests.helpers.gateway import free_port
from tests.helpers.slow import children, is_alive, wait_until

pytestmark = pytest.mark.e2e

MARK: Final = "---- the end of one command ----"
SESSION: Final = 60.0
NOBODY: Final = "http://127.0.0.1:9"
PROXIES: Final = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), NOBODY)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """The demonstration on free ports."""
    with demonstration(tmp_path_factory.mktemp("demonstration")) as running:
        yield running


@pytest.fixture(scope="module")
def session(demo: Demonstration) -> list[str]:
    """What each command printed, in one session of bash that was told just what is printed."""
    return _typed(demo)


def _typed(demo: Demonstration, **environment: str) -> list[str]:
    """Type what the demonstration prints into bash; return what comes of each command."""
    script = "\n".join(demo.printed[1:])
    for command in COMMANDS:
        assert command.shell in script
        script = script.replace(command.shell, f"{command.shell}\necho; echo '{MARK}'", 1)
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SESSION,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split(f"{MARK}\n")


def test_it_first_says_that_it_is_ready_and_where(demo: Demonstration) -> None:
    assert re.fullmatch(rf"{READY}http://127\.0\.0\.1:[1-9][0-9]*", demo.printed[0])


def test_it_shows_every_command_with_its_title(demo: Demonstration) -> None:
    printed = "\n".join(demo.printed)
    shown = [f"\n# {command.title}\n{command.shell}" for command in COMMANDS]
    assert [one for one in shown if one not in printed] == []


def test_the_commands_are_for_the_gateway_that_was_started(demo: Demonstration) -> None:
    assert f"GATEWAY={demo.url}" in demo.printed


@pytest.mark.parametrize(
    ("number", "prints"), [(number, command.prints) for number, command in enumerate(COMMANDS)]
)
def test_every_command_prints_what_it_promises(
    session: list[str], number: int, prints: str
) -> None:
    assert prints in session[number]


def test_two_instances_of_the_worlds_both_answer(session: list[str]) -> None:
    (number,) = [at for at, one in enumerate(COMMANDS) if "x-instance" in one.shell]
    assert sorted(session[number].split()) == [
        "worlds-a",
        "worlds-b",
        "x-instance:",
        "x-instance:",
    ]


def test_the_team_is_called_about_who_is_in_need_and_is_not_told_what_they_said(
    demo: Demonstration, session: list[str]
) -> None:
    assert any("notified" in one for one in session)
    (called,) = [one for one in demo.errors.splitlines() if one.startswith("the team is called: ")]
    assert "Level 2 (high): somebody needs you: http://127.0.0.1:" in called
    assert "live" not in called


def test_the_team_believes_nothing_that_is_not_signed(demo: Demonstration) -> None:
    written = yaml.safe_load((demo.folder / "state" / "gateway.yaml").read_text())
    url = urlsplit(written["escalation"]["contacts"]["team"]["webhook"]["url"])
    for fields in ({}, {"X-TTA-Signature": f"t={int(time.time())},v1={'0' * 64}"}):
        connection = HTTPConnection(url.netloc, timeout=START)
        connection.request("POST", url.path, b'{"title": "feigned", "link": ""}', fields)
        assert connection.getresponse().status == 401
        connection.close()
    assert "feigned" not in demo.errors


def test_make_run_is_this_demonstration() -> None:
    make = shutil.which("make")
    assert make, "make is what runs it"
    recipe = subprocess.run(
        [make, "--dry-run", "--assume-old=setup", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START,
        check=True,
    )
    assert recipe.stdout.splitlines()[-1] == "exec .venv/bin/python -m examples.tta.run"


def test_a_proxy_for_the_world_outside_is_not_asked(tmp_path: Path) -> None:
    with demonstration(tmp_path, environment=PROXIES) as demo:
        typed = _typed(demo, **PROXIES)
    assert [
        one.title for one, said in zip(COMMANDS, typed, strict=False) if one.prints not in said
    ] == []


class Alive:
    """A gateway that runs on."""

    def has_died(self) -> bool:
        """Say that it has not."""
        return False


def test_events_that_are_told_before_the_addresses_do_not_hide_them(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    event = '{"event":"valkey_lost"}\n'
    log.write_text(f"{event}ready: http://a\n{event}admin: http://b\n")
    found = run._addresses_in(log, cast("Child", Alive()), token=log)
    assert found == ("http://a", "http://b")


def test_a_service_that_is_killed_ends_all_of_it_and_is_named(tmp_path: Path) -> None:
    with demonstration(tmp_path) as demo:
        started = children(demo.process.pid)
        os.kill(demo.service("worlds", "worlds-b"), signal.SIGKILL)
        assert demo.process.wait(STOP) == 1
        assert demo.errors.splitlines()[-1] == "Error: worlds_b stopped with status -9"
        assert [pid for pid in started if is_alive(pid)] == []


def test_a_gateway_that_is_killed_ends_all_of_it_and_is_named(tmp_path: Path) -> None:
    with demonstration(tmp_path) as demo:
        os.kill(demo.service("tta_gateway.node.supervisor_main"), signal.SIGKILL)
        assert demo.process.wait(STOP) == 1
        assert demo.errors.splitlines()[-1] == "Error: gateway stopped with status -9"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_interrupts_it_finds_nothing_left_and_no_error(
    tmp_path: Path, number: signal.Signals
) -> None:
    with demonstration(tmp_path) as demo:
        started = children(demo.process.pid)
        demo.process.send_signal(number)
        assert demo.process.wait(STOP) == 0
        assert wait_until(lambda: not any(is_alive(pid) for pid in started))
        assert demo.errors == ""


def test_a_port_that_is_taken_ends_it_at_once_with_the_reason(
    tmp_path: Path, demo: Demonstration
) -> None:
    done = subprocess.run(
        [*COMMAND, *FREE, "--port", str(demo.port), "--state", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "address already in use" in done.stderr.lower()
    assert "gateway" in done.stderr.splitlines()[-1]


def test_what_was_kept_is_there_when_it_is_started_again(tmp_path: Path) -> None:
    ports = ("--port", str(free_port()), "--admin-port", str(free_port()))
    options = (*ports, *FREE[len(ports) :])
    with demonstration(tmp_path, *options) as first:
        _typed(first)
    with demonstration(tmp_path, *options) as second:
        second.printed = first.printed  # the same name and password
        again = _typed(second)
    assert "Registration failed" in again[0]
    assert again[4].count('"character_id":') == 2
