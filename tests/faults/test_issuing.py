"""Without control, its database or Valkey: tokens count or do not as before, and it is said."""

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.gateway import start_gateway
from tests.helpers.issuing_gateway import AUTH, URL, Issuing, issuing
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.probe import asked
from tests.helpers.slow import companion_of, frozen, wait_until

pytestmark = pytest.mark.e2e

GOOD: Final = (200, "")
REVOKED: Final = (401, "identity_token_revoked")
SOON: Final = 1.0
LONGEST: Final = 30.0
"""Seconds that a process may take to begin where others want the cores too."""


@contextlib.contextmanager
def on_postgres(folder: Path, server: PostgresServer) -> Iterator[Issuing]:
    """Start a node that keeps what lasts there."""
    folder.mkdir(exist_ok=True)
    key = folder.parent / "sealing"
    key.write_text("a secret that all nodes have, and nobody else")
    url = folder / "database"
    url.write_text(server.url)
    sealed = {"key": {"file": str(key)}, "cookie": {"secure": False}}
    with issuing(folder, issuing=sealed, database_url={"file": str(url)}) as made:
        yield made


def control_of(one: Issuing) -> int:
    pid = companion_of(one.stage.gateway.process.pid, "control")
    assert pid
    return pid


def kill_control(one: Issuing) -> None:
    """Kill it, and wait for the next."""
    pid = control_of(one)
    os.kill(pid, signal.SIGKILL)
    gone = (None, pid)
    assert wait_until(lambda: companion_of(one.stage.gateway.process.pid, "control") not in gone)
    assert wait_until(lambda: asked(one.probe)[1].get("control") == "serving", LONGEST)


def test_while_control_hangs_tokens_count_and_a_login_is_not_told_to_be_sent_again(
    tmp_path: Path,
) -> None:
    """It may have been carried out by the time at which control goes on."""
    with issuing(tmp_path) as one:
        one.user()
        good, ended = one.login().told["access_token"], one.login().told["access_token"]
        one.ask("POST", f"{AUTH}/logout", {}, token=ended)
        with frozen(control_of(one)):
            assert one.is_known_everywhere(good, GOOD)
            assert one.is_known_everywhere(ended, REVOKED)
            answer = one.login()
            assert answer.status == 504  # whichever of two limits is told first
            assert answer.code in {"upstream_first_byte_timeout", "upstream_total_timeout"}
            assert one.is_known_everywhere(good, GOOD)


def test_where_control_is_gone_it_is_said_when_to_come_back_and_tokens_count(
    tmp_path: Path,
) -> None:
    with issuing(tmp_path) as one:
        one.user()
        told = one.login().told
        (one.state / "control.sock").unlink()
        kill_control(one)  # so that no open connection leads to it
        for answer in (one.login(), one.refresh(told["refresh_token"])):
            assert (answer.status, answer.code) == (503, "gateway_service_unavailable")
            assert answer.fields["retry-after"] == "2"
        assert one.is_known_everywhere(told["access_token"], GOOD)


def test_whoever_refreshes_while_control_is_killed_is_answered_by_the_next(
    tmp_path: Path,
) -> None:
    with issuing(tmp_path) as one:
        one.user()
        told = one.login().told
        killing = threading.Thread(target=kill_control, args=(one,))
        killing.start()
        answers = []
        while killing.is_alive():
            answers.append(one.guarded(told["access_token"]))
        killing.join()
        assert {*answers} == {GOOD}
        assert wait_until(lambda: one.refresh(told["refresh_token"]).status == 200)
        assert one.login().status == 200


def test_what_was_revoked_stays_so_whoever_dies(tmp_path: Path) -> None:
    """Control, then all workers: the next ones know it before they serve."""
    with issuing(tmp_path) as one:
        one.user()
        good, ended = one.login().told["access_token"], one.login().told["access_token"]
        one.ask("POST", f"{AUTH}/logout", {}, token=ended)
        kill_control(one)
        assert one.is_known_everywhere(ended, REVOKED)
        one.administer("POST", "/workers/restart")
        for _ in range(40):
            assert (one.guarded(good), one.guarded(ended)) == (GOOD, REVOKED)


def test_at_a_start_of_the_whole_workers_know_it_before_control_is_there(tmp_path: Path) -> None:
    """And though everything that Valkey held is gone."""
    with issuing(tmp_path) as one:
        one.user()
        good, ended = one.login().told["access_token"], one.login().told["access_token"]
        one.ask("POST", f"{AUTH}/logout", {}, token=ended)
        kept = one.state / "found.kept"
        before = kept.stat().st_mtime_ns if kept.exists() else 0
        assert wait_until(lambda: kept.exists() and kept.stat().st_mtime_ns != before)
        one.stage.gateway.stop()
        shutil.rmtree(one.state / "valkey")
        again = start_gateway(
            {
                "listen": f"127.0.0.1:{one.stage.port}",
                "admin": f"127.0.0.1:{one.admin._port}",
                "state_dir": str(one.state),
                "identity": {"issuing": {"url": URL}},
                "services": {"up": {"endpoints": [one.stage.upstream.url]}},
                "routes": [{"path": "/guarded/{rest:path}", "service": "up"}],
            },
            tmp_path,
        )
        try:
            assert (one.guarded(good), one.guarded(ended)) == (GOOD, REVOKED)
            assert wait_until(lambda: one.login().status == 200, 20)
            assert (one.guarded(good), one.guarded(ended)) == (GOOD, REVOKED)
        finally:
            again.stop()


def test_without_its_database_tokens_count_and_it_is_said_when_to_come_back(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with on_postgres(tmp_path / "a", postgres) as one:
        one.user("ada")
        good, ended = one.login().told, one.login().told
        one.ask("POST", f"{AUTH}/logout", {}, token=ended["access_token"])
        postgres.kill()
        try:
            refused = [one.login(), one.refresh(good["refresh_token"])]
            for answer in refused:
                assert (answer.status, answer.code) == (503, "identity_store_unavailable")
                assert answer.fields["retry-after"] == "2"
            assert one.is_known_everywhere(good["access_token"], GOOD)
            assert one.is_known_everywhere(ended["access_token"], REVOKED)
            assert wait_until(lambda: "database" in str(asked(one.probe)[1].get("degraded")), 20)
            told = one.administer("GET", "/node").told["stores"]["database"]
            assert "it could not be asked" in told[0]
            kill_control(one)  # the next one serves without it, and goes on with what was told
            assert one.login().status == 503
            assert one.is_known_everywhere(ended["access_token"], REVOKED)
        finally:
            postgres.start_again()
        assert wait_until(lambda: one.login().status == 200, 30)
        assert one.refresh(good["refresh_token"]).status == 200
        assert one.is_known_everywhere(ended["access_token"], REVOKED)
        assert wait_until(lambda: "degraded" not in asked(one.probe)[1], 20)


def test_of_two_nodes_each_knows_what_the_other_has_issued_and_ended(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with on_postgres(tmp_path / "a", postgres) as one, on_postgres(tmp_path / "b", postgres) as two:
        one.user("bob")
        told = one.login("bob").told
        assert wait_until(lambda: two.is_known_everywhere(told["access_token"], GOOD), SOON)
        renewed = two.refresh(told["refresh_token"]).told
        assert one.is_known_everywhere(renewed["access_token"], GOOD)
        assert one.refresh(told["refresh_token"]).told["refresh_token"] == renewed["refresh_token"]
        two.ask("POST", f"{AUTH}/logout", {}, token=renewed["access_token"])
        for node in (one, two):
            assert wait_until(lambda node=node: node.guarded(told["access_token"]) == REVOKED, SOON)  # type: ignore[misc]
        assert wait_until(lambda: one.is_known_everywhere(renewed["access_token"], REVOKED), SOON)
