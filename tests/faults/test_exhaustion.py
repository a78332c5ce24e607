"""More connections than there is room for: scenarios 5 to 7 of docs/faults.md."""

import contextlib
import enum
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.edge.stage import NO_RECORDS, Stage, median, scripted, stage
from tests.helpers.clients import Client
from tests.helpers.slow import cpu_seconds, descriptors, resident, settled, wait_until
from tests.helpers.soak import TIMES

pytestmark = pytest.mark.e2e

MIB: Final = 1 << 20
PLACES: Final = 1000
SETTLED: Final = 1.3
"""Seconds until one that has come or been served may have to give way."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway with a thousand places."""
    path = tmp_path_factory.mktemp("house")
    more = {"connections": {"per_worker": PLACES, "per_address": 5000}, **NO_RECORDS}
    with scripted() as upstream, stage(path, upstream=upstream, **more) as one:
        yield one


@pytest.fixture
def house(shared: Stage) -> Stage:
    """The same, once those of an earlier test have left."""
    assert wait_until(lambda: descriptors(shared.worker) < 60)
    return shared


@contextlib.contextmanager
def silent(port: int, count: int, *, source: str = "127.0.0.2") -> Iterator[list[socket.socket]]:
    """So many connections that say nothing."""
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            sock.bind((source, 0))
            sock.connect(("127.0.0.1", port))
            sock.setblocking(False)
            socks.append(sock)
        yield socks


def are_open(socks: list[socket.socket]) -> list[bool]:
    """Which of them the gateway has not ended."""
    return [_state(sock) is not _Told.END for sock in socks]


def unheard(socks: list[socket.socket]) -> list[socket.socket]:
    """Those who have heard nothing: they have a place, or still knock."""
    return [sock for sock in socks if _state(sock) is _Told.NOTHING]


class _Told(enum.Enum):
    """What a client finds at its socket."""

    NOTHING = enum.auto()
    WORDS = enum.auto()
    END = enum.auto()


def _state(sock: socket.socket) -> _Told:
    try:
        return _Told.WORDS if sock.recv(1, socket.MSG_PEEK) else _Told.END
    except BlockingIOError:
        return _Told.NOTHING
    except ConnectionError:
        return _Told.END


def test_five_thousand_idle_connections_keep_nobody_out(house: Stage) -> None:
    """The oldest give way; what is under way goes on.

    Red without `and not self.make_room(now)` in edge/entrance.py, admit.
    """
    with house.under_way() as end, contextlib.ExitStack() as stack:
        socks = stack.enter_context(silent(house.port, 5 * PLACES))
        assert descriptors(house.worker) < PLACES + 200
        assert wait_until(lambda: len(unheard(socks)) == PLACES - 1)
        inside = unheard(socks)
        time.sleep(SETTLED)
        served = [stack.enter_context(house.client()) for _ in range(100)]
        assert [client.get(b"/").status for client in served] == [200] * 100
        assert are_open(inside).count(False) == 100
        end()


def test_one_that_has_just_been_served_does_not_give_way(house: Stage) -> None:
    """Red without `_SETTLED` in edge/entrance.py, make_room."""
    with contextlib.ExitStack() as stack:
        socks = stack.enter_context(silent(house.port, PLACES - 10))
        clients = [stack.enter_context(house.client()) for _ in range(10)]
        # Whoever came before them has come in, too.
        assert [client.get(b"/").status for client in clients] == [200] * 10
        time.sleep(SETTLED)
        assert [client.get(b"/").status for client in clients] == [200] * 10
        newcomers = [stack.enter_context(house.client()) for _ in range(200)]
        assert [client.get(b"/").status for client in newcomers] == [200] * 200
        assert [client.get(b"/").status for client in clients] == [200] * 10
        assert are_open(socks).count(False) == 200


def test_a_flood_of_connections_leaves_nothing_behind(house: Stage) -> None:
    """Two thousand a second that come and go: no descriptor, no memory, no line in the log.

    Red without `entrance.guests.leave(…)` in edge/client_connection.py, connection_lost.
    """
    with house.client() as good:
        assert good.get(b"/").status == 200
        held, memory = house.held(), resident(house.worker)
        lines = settled(lambda: len(house.all_lines()))
        quiet = median([_took(good) for _ in range(20)])
        latencies, asked, begun = list[float](), 20, time.monotonic()
        for number in range(5000 * TIMES):
            _come_and_go(house.port, with_reset=number % 2 == 0)
            if number % 100 == 0:
                latencies.append(_took(good))
                asked += 1
                time.sleep(max(0.0, begun + number / 2000 - time.monotonic()))
        assert median(latencies) < max(0.05, 5 * quiet)  # of a machine that others keep busy
        assert wait_until(lambda: descriptors(house.worker) <= held + 2)
        assert resident(house.worker) - memory < 4 * MIB
        with house.client() as new:
            assert new.get(b"/").status == 200
        assert wait_until(lambda: len(house.all_lines()) == lines + asked + 1)


def _took(client: Client) -> float:
    begun = time.monotonic()
    assert client.get(b"/").status == 200
    return time.monotonic() - begun


def _come_and_go(port: int, *, with_reset: bool) -> None:
    client = Client(port)
    if with_reset:
        client.reset()
    else:
        client.close()


def test_a_flood_that_is_turned_away_does_not_fill_the_log(tmp_path: Path) -> None:
    """Red without `now != self._told_at` in edge/entrance.py, turn_away."""
    connections = {"per_address": 1}
    with (
        scripted() as upstream,
        stage(tmp_path, upstream=upstream, connections=connections) as one,
        one.client() as good,
    ):
        assert good.get(b"/").status == 200
        begun = time.monotonic()
        for _ in range(3000):
            with contextlib.suppress(ConnectionResetError):  # cut as soon as it has come
                _come_and_go(one.port, with_reset=False)
        took = time.monotonic() - begun
        assert good.get(b"/").status == 200
        time.sleep(0.5)
        assert len(one.all_lines()) < 64 * (took / 0.2 + 3) + 2


def test_with_128_descriptors_nobody_is_left_without_a_word_and_no_core_is_burnt(
    tmp_path: Path,
) -> None:
    """The worker knows how many it can have; the others hear 503, or are turned away.

    Red without `room(…)` in node/assemble_worker.py, _build_the_way_in.
    """
    more = {"under": ("prlimit", "--nofile=128:128"), **NO_RECORDS}
    with scripted() as upstream, stage(tmp_path, upstream=upstream, **more) as one:
        with one.client() as good:
            assert good.get(b"/").status == 200
            assert wait_until(lambda: one.events("descriptors_short") != [])
            (told,) = one.events("descriptors_short")
            assert (told["limit"], told["wanted"], told["per_worker"]) == (128, 20_000, 32)
            held = one.held()
        with one.under_way() as end, silent(one.port, 200) as socks:
            assert wait_until(lambda: len(unheard(socks)) < 32)
            assert share_of_a_core(one.worker, seconds=SETTLED) < 0.5
            with one.client() as new:  # one of the silent gives way
                assert new.get(b"/").status == 200
            end()
        assert wait_until(lambda: descriptors(one.worker) <= held + 2)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(one.client()) for _ in range(20)]
            assert [client.get(b"/").status for client in clients] == [200] * 20
    assert len(one.events("descriptors_exhausted")) <= 1


def test_a_worker_without_any_descriptor_shuts_its_doors_and_recovers(tmp_path: Path) -> None:
    """Who comes while it has none waits, and is served when there are some again.

    Red without `self._doors.shut()` in node/doors.py, tick: the loop would accept them, only to
    close them without a word.
    """
    with scripted() as upstream, stage(tmp_path, upstream=upstream, **NO_RECORDS) as one:
        held = one.held()
        with one.under_way() as end, silent(one.port, 50), contextlib.ExitStack() as stack:
            assert wait_until(lambda: descriptors(one.worker) >= held + 50)
            few = descriptors(one.worker) - 40
            resource.prlimit(one.worker, resource.RLIMIT_NOFILE, (few, 20_000))
            assert wait_until(lambda: one.events("descriptors_exhausted") != [])
            waiting = [stack.enter_context(one.client()) for _ in range(20)]
            for client in waiting:
                client.ask(b"/")
            assert share_of_a_core(one.worker, seconds=0.5) < 0.5
            end()
            resource.prlimit(one.worker, resource.RLIMIT_NOFILE, (20_000, 20_000))
            assert [client.answer().status for client in waiting] == [200] * 20
            with one.client() as new:
                assert new.get(b"/").status == 200
        assert len(one.events("descriptors_exhausted")) == 1


def share_of_a_core(pid: int, *, seconds: float) -> float:
    """How much of a core the process uses meanwhile."""
    spent, begun = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - spent) / (time.monotonic() - begun)
