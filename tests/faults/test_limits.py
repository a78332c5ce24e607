"""Limits keep nobody waiting, and fail nobody, whatever becomes of their store."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.helpers.limited import Crowd, Limited, limited
from tests.helpers.slow import wait_until
from tests.helpers.valkey_server import Server, server

pytestmark = pytest.mark.e2e

FIT: Final = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
MOST: Final = 0.05
"""Seconds that a request waits for the store (features/ratelimit/valkey_store.py)."""
WIDE: Final = {"requests": 1_000_000, "per": "1s", "key": ["address"]}
EXACT: Final = {**WIDE, "exact": True, "name": "strict"}


@contextlib.contextmanager
def killed(store: Server) -> Iterator[None]:
    store.kill()
    yield
    store.start_again()


@contextlib.contextmanager
def paused(store: Server) -> Iterator[None]:
    with store.frozen():
        yield


@contextlib.contextmanager
def emptied(store: Server) -> Iterator[None]:
    store.kill()
    for path in store.folder.rglob("appendonly*"):
        if path.is_file():
            path.unlink()
    store.start_again()
    yield


HOW: Final = {"killed": killed, "paused": paused, "restarted empty": emptied}


@pytest.mark.parametrize("how", list(HOW))
@pytest.mark.parametrize("limit", [WIDE, EXACT], ids=["local", "exact"])
def test_a_store_that_fails_under_load_fails_nobody(
    tmp_path: Path, how: str, limit: dict[str, object]
) -> None:
    """Red where `take` of features/ratelimit/valkey_store.py has more patience.

    What a busy machine adds is measured on a route without limits, at the same time.
    """
    fails: Callable[[Server], contextlib.AbstractContextManager[None]] = HOW[how]
    with (
        server("redis", *FIT) as store,
        limited(tmp_path, limit, workers=2, valkey_url=f"redis://127.0.0.1:{store.port}") as node,
    ):
        node.rest()
        with (
            Crowd([node], threads=4, pause=0.005) as crowd,
            Crowd([node], threads=4, pause=0.005, path="/free") as free,
        ):
            time.sleep(1.0)
            with fails(store):
                time.sleep(2.0)
            time.sleep(2.0)
        assert crowd.failures == []
        assert {one.status for _, one in crowd.answers} == {200}
        assert len(crowd.answers) > 200
        assert crowd.longest <= MOST + free.longest + 0.1, (crowd.longest, free.longest)


@pytest.mark.parametrize("how", list(HOW))
def test_what_was_spent_is_not_forgotten_and_nothing_jumps(tmp_path: Path, how: str) -> None:
    """Red where `settled` of features/ratelimit/algorithm.py goes by the store alone."""
    rate, burst = 20, 30
    limit = {"requests": rate, "per": "1s", "burst": burst, "key": ["all"]}
    with (
        server("redis", *FIT) as store,
        limited(tmp_path, limit, workers=2, valkey_url=f"redis://127.0.0.1:{store.port}") as node,
    ):
        node.rest()
        begun = time.monotonic()
        with Crowd([node], threads=4, pause=0.002) as crowd:
            time.sleep(2.0)
            with HOW[how](store):
                time.sleep(3.0)
            time.sleep(3.0)
        took = time.monotonic() - begun
        assert crowd.failures == []
        assert crowd.admitted() <= burst + rate * took + burst + rate * 0.1
        for second in range(2, 7):  # whoever asks all the time gets the rate in each second
            passed = crowd.admitted(begun + second, begun + second + 1.0)
            assert rate * 0.6 <= passed <= rate * 1.4 + 2, (second, passed)


def test_a_limit_that_would_rather_refuse_does_and_no_other(tmp_path: Path) -> None:
    strict = {**EXACT, "on_store_failure": "refuse"}
    with (
        server("redis", *FIT) as store,
        limited(tmp_path, strict, workers=1, valkey_url=f"redis://127.0.0.1:{store.port}") as node,
    ):
        node.rest()
        assert wait_until(lambda: node.ask().status == 200)
        with paused(store):
            refused = node.ask()
            assert refused.status == 503
            assert refused.json["code"] == "ratelimit_store_unavailable"
            assert refused.fields["retry-after"] == "1"
            assert node.ask("/free").status == 200
        assert wait_until(lambda: node.ask().status == 200)


def test_a_worker_that_dies_leaves_its_seats_and_takes_no_limit_with_it(tmp_path: Path) -> None:
    """Red where `look` of node/settling.py leaves taken what nobody has."""
    limit = {"requests": 30, "per": "1h", "key": ["all"]}
    with limited(tmp_path, limit, workers=2) as node:
        node.rest()
        spend_all(node)
        time.sleep(0.5)
        os.kill(node.workers[0], signal.SIGKILL)
        assert wait_until(lambda: len(node.workers) == 2)
        time.sleep(1.5)
        passed: list[int] = []

        def is_spent() -> bool:
            told = [node.ask().status for _ in range(30)]
            passed.append(told.count(200))
            return set(told) == {429}

        # A new worker begins with the full bucket, and then hears of the rest.
        assert wait_until(is_spent)
        assert sum(passed) <= 30


def spend_all(node: Limited) -> None:
    """Ask until every worker says that it is too much."""
    refused = 0
    for _ in range(400):
        refused = refused + 1 if node.ask().status == 429 else 0
        if refused == 30:
            return
    raise AssertionError("there is more than there should be")
