"""New processes."""

from pathlib import Path

import pytest

from tests.helpers.command_line import Running
from tta_gateway.cli import renew


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
    monkeypatch.setattr(renew, "_LONGEST_RENEWAL", 1)
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
