"""Endpoints that refuse: another is tried, and where none is left the client hears it at once."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage, times
from tests.helpers.clients import PATIENCE, post_of
from tests.helpers.gateway import free_port
from tests.helpers.scripted_upstream import Call, ScriptedUpstream

pytestmark = pytest.mark.e2e


def endpoints(*ports: int, **more: object) -> dict[str, object]:
    """A service `up` at these ports."""
    return {"up": {"endpoints": [f"http://127.0.0.1:{port}" for port in ports], **more}}


@contextlib.contextmanager
def half_refused(tmp_path: Path) -> Iterator[Stage]:
    """A gateway whose service has two endpoints, of which one refuses."""
    with scripted() as upstream:
        services = endpoints(free_port(), upstream.port, balance="round_robin")
        with stage(tmp_path, upstream=upstream, services=services) as one:
            yield one


def test_a_request_that_one_endpoint_refuses_goes_to_another(tmp_path: Path) -> None:
    """Nothing has been sent, so that even a POST may be tried elsewhere.

    Red without `self._repeat(error)` in upstream/attempt.py, _fail.
    """
    with half_refused(tmp_path) as one, one.client() as client:
        target = one.on(lambda call: call.answer(call.body()))
        for number in range(20):
            client.send(post_of(target, b"%d" % number))
            assert client.answer().body == b"%d" % number
        assert one.upstream.calls(target) == 20
        tries = {line["tries"] for line in one.lines(target, count=20)}
    assert tries in ({2}, {1, 2})


def test_where_all_refuse_the_client_hears_it_within_fifty_milliseconds(tmp_path: Path) -> None:
    """Red without `except OSError` in edge/upstream_connection.py, _open."""
    with scripted() as upstream:
        services = endpoints(free_port(), free_port())
        with (
            stage(tmp_path, upstream=upstream, services=services) as one,
            one.client() as client,
        ):

            def measure() -> float:
                begun = time.monotonic()
                answer = client.get(b"/")
                assert json.loads(answer.body)["code"] == "upstream_connection_refused"
                assert answer.value(b"proxy-status") == b"tta-gateway; error=connection_refused"
                assert answer.status == 502
                return time.monotonic() - begun

            assert times(9, measure) < 0.05


def test_a_large_upload_that_one_endpoint_refuses_goes_to_another_whole(tmp_path: Path) -> None:
    """None of it has been sent, however much of it has come.

    Red without `or not self._reached` in upstream/attempt.py, _is_held.
    """
    body = bytes(range(256)) * 8192
    with half_refused(tmp_path) as one, one.client() as client:
        target = one.on(lambda call: call.answer(call.body()))
        for _ in range(4):
            client.send(post_of(target, body))
            assert client.answer().body == body


def test_a_name_without_an_address_is_told_as_502(tmp_path: Path) -> None:
    """Red without `socket.gaierror` in edge/upstream_connection.py, _open."""
    services = {"up": {"endpoints": ["http://nowhere.invalid:80"], "plaintext": "a test"}}
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, services=services) as one,
        one.client() as client,
    ):
        answer = client.get(b"/")
        assert (answer.status, json.loads(answer.body)["code"]) == (
            502,
            "upstream_name_unresolved",
        )


def test_a_service_that_comes_back_is_used_at_once(tmp_path: Path) -> None:
    """Red without `self.pool.open -= 1` in upstream/attempt.py, connect_failed."""
    port = free_port()
    services = endpoints(port, limits={"connections": 2, "pending": 2})
    with (
        scripted() as unused,
        stage(tmp_path, upstream=unused, services=services) as one,
        one.client() as client,
    ):
        assert [client.get(b"/").status for _ in range(10)] == [502] * 10
        with ScriptedUpstream(port=port):
            assert client.get(b"/").status == 200


def test_those_who_wait_are_served_when_the_connection_they_waited_for_dies(
    tmp_path: Path,
) -> None:
    """Red without `open_for_waiting(pool)` in upstream/attempt.py, gone."""
    release = threading.Event()

    def hold(call: Call) -> None:
        assert release.wait(PATIENCE)
        call.break_off()

    with scripted() as upstream:
        services = endpoints(upstream.port, limits={"connections": 1})
        with stage(tmp_path, upstream=upstream, services=services) as one:
            clients = [one.client() for _ in range(6)]
            clients[0].send(post_of(one.on(hold), b"held"))
            time.sleep(0.1)
            for client in clients[1:]:
                client.ask(b"/")
            time.sleep(0.1)
            release.set()
            assert clients[0].answer().status == 502
            assert [client.answer().status for client in clients[1:]] == [200] * 5
            for client in clients:
                client.close()


def test_retries_are_within_their_budget(tmp_path: Path) -> None:
    """A service that is struggling is not asked three times as much by three tries each.

    Red with `return True` in upstream/retry.py, within_budget.
    """
    begun = threading.Barrier(40)

    def die_together(call: Call) -> None:
        begun.wait(PATIENCE)
        call.break_off()

    calls: list[int] = []

    def script(call: Call) -> None:
        calls.append(call.number)
        if len(calls) <= 40:
            die_together(call)
        else:
            call.break_off()

    with scripted() as upstream, stage(tmp_path, upstream=upstream) as one:
        target = one.on(script)
        clients = [one.client() for _ in range(40)]
        for client in clients:
            client.ask(target)
        statuses = {client.answer().status for client in clients}
        for client in clients:
            client.close()
    assert statuses == {502}
    assert len(calls) <= 40 + 2 * 8 + 4
