"""Limits keep nobody waiting, and fail nobody, whatever becomes of their store.

One gateway and one store for all of them: each failure of the store is watched once, on routes with
a wide limit, a strict one, one that is spent, and none.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
RATE, BURST, WORKERS = 20, 30, 2
LIMITS: Final[dict[str, dict[str, object]]] = {
    "/local": WIDE,
    "/exact": EXACT,
    "/spent": {"requests": RATE, "per": "1s", "burst": BURST, "key": ["all"], "name": "spent"},
    "/refuses": {**EXACT, "on_store_failure": "refuse", "name": "refuses"},
    "/hourly": {"requests": 30, "per": "1h", "key": ["all"], "name": "hourly"},
}
BEFORE, AWAY, AFTER = 2.0, 2.5, 2.5  # seconds of what is watched


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


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with server("redis", *FIT) as made:
        yield made


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, store: Server) -> Iterator[Limited]:
    """A gateway that answers itself, within a limit on each route, and without one on `/free`."""
    answers = {"respond": {"status": 200, "body": "{}"}, "auth": "none"}
    routes = [{**answers, "path": path, "rate_limit": one} for path, one in LIMITS.items()]
    with limited(
        tmp_path_factory.mktemp("limits"),
        workers=WORKERS,
        valkey_url=f"redis://127.0.0.1:{store.port}",
        routes=[*routes, {**answers, "path": "/free"}],
    ) as made:
        made.rest()
        yield made


@dataclass(frozen=True, slots=True)
class Watched:
    """What crowds on some routes have seen of a store that fails, and when they began."""

    crowds: dict[str, Crowd]
    begun: float
    took: float

    def fails_nobody(self, path: str) -> None:
        """Nobody is refused or waits for the store.

        What a busy machine adds is measured on a route without limits, at the same time.
        """
        crowd, free = self.crowds[path], self.crowds["/free"]
        assert crowd.failures == []
        assert {one.status for _, one in crowd.answers} == {200}
        assert len(crowd.answers) > 200
        assert crowd.longest <= MOST + free.longest + 0.1, (crowd.longest, free.longest)


@pytest.fixture(scope="module", params=list(HOW))
def watched(request: pytest.FixtureRequest, node: Limited, store: Server) -> Watched:
    """The store fails in one of the ways, under load."""
    fails: Callable[[Server], contextlib.AbstractContextManager[None]] = HOW[request.param]
    assert wait_until(lambda: all(node.ask("/refuses").status == 200 for _ in range(6)))
    time.sleep(BURST / RATE)  # until what was spent before has come back
    paths = ("/local", "/exact", "/free", "/spent")
    crowds = {path: Crowd([node], threads=2, pause=0.01, path=path) for path in paths}
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        for one in crowds.values():
            stack.enter_context(one)
        time.sleep(BEFORE)
        with fails(store):
            time.sleep(AWAY)
        time.sleep(AFTER)
    return Watched(crowds, begun, time.monotonic() - begun)


@pytest.mark.parametrize("path", ["/local", "/exact"])
def test_a_store_that_fails_under_load_fails_nobody(watched: Watched, path: str) -> None:
    """Red where `take` of features/ratelimit/valkey_store.py has more patience."""
    watched.fails_nobody(path)


def test_what_was_spent_is_not_forgotten_and_nothing_jumps(watched: Watched) -> None:
    """Red where `settled` of features/ratelimit/algorithm.py goes by the store alone."""
    crowd, begun = watched.crowds["/spent"], watched.begun
    assert crowd.failures == []
    bound = BURST + RATE * watched.took + (WORKERS - 1) * BURST + RATE * 0.1
    assert crowd.admitted() <= bound
    # Whoever asks all the time gets the rate in each second, once all know of the first burst.
    for second in range(2, int(BEFORE + AWAY + AFTER)):
        passed = crowd.admitted(begun + second, begun + second + 1.0)
        assert RATE * 0.6 <= passed <= RATE * 1.4 + 2, (second, passed)


def test_a_limit_that_would_rather_refuse_does_and_no_other(node: Limited, store: Server) -> None:
    assert wait_until(lambda: all(node.ask("/refuses").status == 200 for _ in range(6)))
    with paused(store):
        refused = node.ask("/refuses")
        assert refused.status == 503
        assert refused.json["code"] == "ratelimit_store_unavailable"
        assert refused.fields["retry-after"] == "1"
        assert node.ask("/free").status == 200
    assert wait_until(lambda: node.ask("/refuses").status == 200)


def test_a_worker_that_dies_leaves_its_seats_and_takes_no_limit_with_it(node: Limited) -> None:
    """Red where `look` of node/settling.py leaves taken what nobody has."""
    spend_all(node, "/hourly")
    time.sleep(0.5)
    os.kill(node.workers[0], signal.SIGKILL)
    assert wait_until(lambda: len(node.workers) == WORKERS)
    time.sleep(1.5)
    passed: list[int] = []

    def is_spent() -> bool:
        told = [node.ask("/hourly").status for _ in range(30)]
        passed.append(told.count(200))
        return set(told) == {429}

    # A new worker begins with the full bucket, and then hears of the rest.
    assert wait_until(is_spent)
    assert sum(passed) <= 30


def spend_all(node: Limited, path: str) -> None:
    """Ask until every worker says that it is too much."""
    refused = 0
    for _ in range(400):
        refused = refused + 1 if node.ask(path).status == 429 else 0
        if refused == 30:
            return
    raise AssertionError("there is more than there should be")
