"""Limits, by real workers: what passes, what clients hear, and what operators change."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response as Answered
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.helpers.http_service import Service
from tests.helpers.limited import Answer, Crowd, Limited, limited
from tests.helpers.slow import wait_until
from tests.helpers.valkey_server import server

pytestmark = pytest.mark.e2e

FIT: Final = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
ALL: Final = {"key": ["all"]}
_STRING: Final = r'"[a-z0-9_-]+"'


def test_clients_hear_what_is_left_and_when_to_come_back(tmp_path: Path) -> None:
    limits = (
        {"requests": 2, "per": "1m", "key": ["address"], "name": "burst"},
        {"requests": 100, "per": "24h", "quota": True, "key": ["address"], "name": "daily"},
    )
    with limited(tmp_path, *limits, workers=1) as node:
        connection = node.connect()
        first, second, third = (node.ask(on=connection) for _ in range(3))
        assert [first.status, second.status, third.status] == [200, 200, 429]
        policy = '"burst";q=2;w=60, "daily";q=100;w=86400'
        for answer, left in ((first, (1, 99)), (second, (0, 98)), (third, (0, 98))):
            assert answer.fields["ratelimit-policy"] == policy
            found = re.findall(rf"({_STRING});r=(\d+);t=(\d+)", answer.fields["ratelimit"])
            assert [(name, int(r)) for name, r, _ in found] == [
                ('"burst"', left[0]),
                ('"daily"', left[1]),
            ]
        assert third.fields["content-type"] == "application/problem+json"
        assert third.json["code"] == "ratelimit_exceeded"
        assert third.json["violated-policies"] == ["burst"]
        assert third.json["correlation_id"] == third.fields["x-request-id"]
        assert 29 <= int(third.fields["retry-after"]) <= 40
        assert node.ask("/free").fields.get("ratelimit") is None
        status = node.ask("/api/v1/limits").json["limits"]
        assert [(one["name"], one["left"]) for one in status] == [
            ("burst", 0),
            ("daily", 98),
            ("open", 1500),  # of the gateway's own endpoints
        ]


def test_who_waits_as_long_as_retry_after_says_is_let_in(tmp_path: Path) -> None:
    with limited(tmp_path, {"requests": 6, "per": "6s", **ALL}, workers=2) as node:
        for _ in range(2):
            drained(node)
            known = 0
            refused = node.ask()
            while refused.status != 429 or known < 5:
                time.sleep(0.2)  # until both workers know what both have let through
                refused = node.ask()
                known += 1
            time.sleep(int(refused.fields["retry-after"]))
            assert node.ask().status == 200


def drained(node: Limited) -> Answer:
    """Ask until it is too much."""
    for _ in range(50):
        answer = node.ask()
        if answer.status == 429:
            return answer
    raise AssertionError("everything passed")


def test_four_workers_admit_no_more_than_the_bound(tmp_path: Path) -> None:
    """Red where `round` of node/settling.py tells nobody."""
    rate, burst, workers = 20, 30, 4
    limit = {"requests": rate, "per": "1s", "burst": burst, **ALL}
    with limited(tmp_path, limit, workers=workers) as node:
        assert len(node.workers) == workers
        node.rest()
        begun = time.monotonic()
        with Crowd([node], threads=8, pause=0.002) as crowd:
            time.sleep(6.0)
        took = time.monotonic() - begun
        assert crowd.failures == []
        assert {one.status for _, one in crowd.answers} == {200, 429}
        bound = burst + rate * took + (workers - 1) * burst + rate * 0.1
        assert crowd.admitted() <= bound
        # And once all have heard of each other's first burst, the rate is what passes.
        later = crowd.admitted(begun + 5.0, begun + 6.0)
        assert later <= rate + rate * 0.1 * workers + 2


def test_two_nodes_admit_no_more_than_the_bound(tmp_path: Path) -> None:
    """Red where `round` of node/settling.py tells the store nothing."""
    rate, burst, workers = 20, 30, 4  # of both nodes
    limit = {"requests": rate, "per": "1s", "burst": burst, **ALL}
    with server("redis", *FIT) as store, contextlib.ExitStack() as stack:
        url = f"redis://127.0.0.1:{store.port}"
        nodes = [
            stack.enter_context(limited(tmp_path / one, limit, workers=2, valkey_url=url))
            for one in "ab"
        ]
        for node in nodes:
            node.rest()
        begun = time.monotonic()
        with Crowd(nodes, threads=8, pause=0.002) as crowd:
            time.sleep(8.0)
        took = time.monotonic() - begun
        assert crowd.failures == []
        bound = burst + rate * took + (workers - 1) * burst + rate * 0.3
        assert crowd.admitted() <= bound


def test_whoever_keeps_to_the_limit_is_never_refused_whatever_worker_is_asked(
    tmp_path: Path,
) -> None:
    """Red where `Span.add` of features/ratelimit/algorithm.py adds whatever it is told."""
    with limited(tmp_path, {"requests": 20, "per": "1s", "burst": 2, **ALL}, workers=4) as node:
        node.rest()
        statuses = []
        due = time.monotonic()
        for _ in range(120):
            statuses.append(node.ask().status)
            due = max(due + 0.05, time.monotonic())  # who is late does not catch up
            time.sleep(max(0.0, due - time.monotonic()))
        assert set(statuses) == {200}


def test_a_strict_limit_counts_once_for_all_nodes(tmp_path: Path) -> None:
    """A store that takes longer than it may leaves some to the workers, and that is counted."""
    limit = {"requests": 10, "per": "1h", "exact": True, **ALL}
    with server("redis") as store, contextlib.ExitStack() as stack:
        url = f"redis://127.0.0.1:{store.port}"
        nodes = [
            stack.enter_context(limited(tmp_path / one, limit, workers=2, valkey_url=url))
            for one in "ab"
        ]
        for node in nodes:
            node.rest()
        with Crowd(nodes, threads=10) as crowd:
            assert wait_until(lambda: len(crowd.answers) >= 200)
        alone = sum(
            node.admin.samples()["tta_gateway_ratelimit_asked_total", ("local",)] for node in nodes
        )
        assert 10 - alone <= crowd.admitted() <= 10 + alone
        assert alone <= 10


def test_a_limit_is_changed_and_a_bucket_emptied_without_a_restart(tmp_path: Path) -> None:
    limit = {"requests": 3, "per": "1h", "key": ["address"], "name": "hourly"}
    with limited(tmp_path, limit, workers=2) as node:
        node.rest()
        drained(node)
        handle = "/a: hourly"
        quoted = handle.replace("/", "%2F").replace(" ", "%20")
        status, told = node.told(f"/override?handle={quoted}", "PUT", {"amount": 1000, "lasts": 60})
        assert (status, told["limits"][0]["overridden"]) == (200, True)
        assert wait_until(lambda: "q=1000" in node.ask().fields.get("ratelimit-policy", ""))
        assert node.told(f"/override?handle={quoted}", "DELETE")[0] == 204
        assert wait_until(lambda: "q=3;" in node.ask().fields.get("ratelimit-policy", ""))
        assert wait_until(lambda: all(node.ask().status == 429 for _ in range(20)))
        bucket = f"/bucket?limit={quoted}&key=127.0.0.1"
        assert node.told(bucket)[1]["left"] == 0
        assert node.told(bucket, "DELETE")[0] == 204
        assert wait_until(lambda: node.ask().status == 200)
        assert node.told(bucket)[0] == 200


def test_what_is_said_of_a_limit_outlives_a_reload_and_a_dead_control(tmp_path: Path) -> None:
    limit = {"requests": 3, "per": "1h", "key": ["address"], "name": "hourly"}
    with limited(tmp_path, limit, workers=1) as node:
        node.told("/override?handle=%2Fa:%20hourly", "PUT", {"amount": 50})
        assert wait_until(lambda: "q=50" in node.ask().fields.get("ratelimit-policy", ""))
        file = tmp_path / "gateway.yaml"
        file.write_text(file.read_text() + "metrics: {}\n")
        assert node.admin.ask("/admin/v1/config/reload", method="POST")[0] == 202
        time.sleep(2.0)
        assert "q=50" in node.ask().fields["ratelimit-policy"]
        assert node.ask().fields["ratelimit"].startswith('"hourly";r=4')


@pytest.fixture
def slow() -> Iterator[Service]:
    """A service that takes its time."""
    one = Service(takes=0.0)
    try:
        yield one
    finally:
        one.kill()


def test_so_many_at_the_same_time_and_no_more(tmp_path: Path, slow: Service) -> None:
    config = {
        "services": {"slow": {"endpoints": [slow.url]}},
        "routes": [
            {
                "path": "/{rest:path}",
                "service": "slow",
                "auth": "none",
                "rate_limit": {"concurrent": 2, "key": ["all"], "name": "seats"},
            }
        ],
    }
    with limited(tmp_path, workers=2, **config) as node:
        node.rest()
        answers: list[Answer] = []
        threads = []
        for _ in range(2):
            threads.append(threading.Thread(target=lambda: answers.append(node.ask("/slow1.5"))))
            threads[-1].start()
            time.sleep(0.3)
        refused = [node.ask("/x") for _ in range(6)]
        assert {one.status for one in refused} == {429}
        assert refused[0].json["code"] == "ratelimit_concurrency_exceeded"
        assert refused[0].fields["ratelimit-policy"] == '"seats";q=2;qu="concurrent-requests"'
        for one in threads:
            one.join()
        assert [one.status for one in answers] == [200, 200]
        assert wait_until(lambda: node.ask("/x").status == 200, 2.0)
        gone = node.connect()  # and one that does not wait for its answer gives its seat back
        for _ in range(4):
            gone = node.connect()
            gone.request("GET", "/slow8")
            time.sleep(0.2)
            gone.close()
        assert wait_until(lambda: all(node.ask("/x").status == 200 for _ in range(6)), 3.0)


@pytest.fixture
def echo() -> Iterator[str]:
    """A service of WebSockets."""
    with serve(_echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


def _echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


def opened(node: Limited, stack: contextlib.ExitStack) -> ClientConnection:
    """Open a WebSocket that echoes."""
    url = f"ws://127.0.0.1:{node.gateway.port}/talk"
    made = stack.enter_context(connect(url, proxy=None))
    made.send("hello")
    assert made.recv(5) == "hello"
    return made


def refusal(node: Limited) -> Answered:
    """Open one more than may be."""
    with pytest.raises(InvalidStatus) as refused, contextlib.ExitStack() as stack:
        opened(node, stack)
    return refused.value.response


def test_an_open_web_socket_takes_a_seat_until_it_is_closed(tmp_path: Path, echo: str) -> None:
    """Red where `on_finish` of features/ratelimit/policy.py gives no seat back."""
    config = {
        "services": {"echo": {"endpoints": [echo]}},
        "routes": [
            {
                "path": "/talk",
                "service": "echo",
                "auth": "none",
                "rate_limit": {"concurrent": 2, "key": ["address"], "name": "sockets"},
            }
        ],
    }
    with limited(tmp_path, workers=2, **config) as node, contextlib.ExitStack() as stack:
        node.rest()
        first = opened(node, stack)
        time.sleep(0.3)  # the other worker has heard of it
        second = opened(node, stack)
        time.sleep(0.3)
        for _ in range(4):  # whichever worker is asked
            answer = refusal(node)
            assert answer.status_code == 429
            assert json.loads(answer.body or b"")["code"] == "ratelimit_concurrency_exceeded"
            assert answer.headers["ratelimit-policy"] == '"sockets";q=2;qu="concurrent-requests"'
            assert int(answer.headers["retry-after"]) >= 1
        for one in (first, second):
            one.send("still here")
            assert one.recv(5) == "still here"
        first.close()
        time.sleep(0.5)
        third = opened(node, stack)  # its seat is free again, and no more than that
        time.sleep(0.3)
        assert refusal(node).status_code == 429
        second.socket.close()  # one that breaks off gives its seat back, too
        third.close()
        time.sleep(0.5)
        opened(node, stack)
        time.sleep(0.3)
        opened(node, stack)
