"""Who is in a session, told by the workers of a node to each other, over real sockets."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.helpers.builders import an_exchange
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.admission.session import Sessions
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.node import in_session
from tta_gateway.node.in_session import InSession

TICK = 0.2


class Worker:
    """One of a node."""

    def __init__(self, state: Path, number: int, clock: FakeClock) -> None:
        self.sessions = Sessions()
        self.told = InSession(self.sessions, number=number, clock=clock.monotonic)
        self.told.neighbours.open(state)

    def begin(self, whose: str) -> Exchange:
        made = an_exchange()
        self.sessions.begin(made, whose)
        return made


class Node:
    """Workers, and a clock that all of them have."""

    def __init__(self, state: Path, stack: ExitStack) -> None:
        self.clock = FakeClock(monotonic=1000.0)
        self.workers: list[Worker] = []
        self._state = state
        self._stack = stack

    def worker(self) -> Worker:
        made = Worker(self._state, len(self.workers) + 1, self.clock)
        self._stack.callback(made.told.neighbours.close)
        self.workers.append(made)
        return made

    def tick(self, times: int = 1) -> None:
        """Let a fifth of a second pass: all do what is due, and hear what has come."""
        for _ in range(times):
            self.clock.advance(TICK)
            for one in self.workers:
                one.told.tick()
            for one in self.workers:
                for _ in range(20):
                    one.told.neighbours.hear()

    def leave(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.told.neighbours.close()


@contextmanager
def a_node(state: Path, workers: int) -> Iterator[Node]:
    with ExitStack() as stack:
        node = Node(state, stack)
        for _ in range(workers):
            node.worker()
        node.tick(6)  # within a second all know of each other
        yield node


def test_who_opens_a_session_is_in_one_at_all_workers_with_the_next_tick(tmp_path: Path) -> None:
    """Red where `tick` of node/in_session.py tells no changes."""
    with a_node(tmp_path, 3) as node:
        first, second, third = node.workers
        exchange = first.begin("home/p7")
        node.tick()
        assert [one.sessions.is_open("home/p7") for one in (first, second, third)] == [True] * 3
        assert not second.sessions.is_open("clinic/p7")
        first.sessions.end(exchange)
        node.tick()
        assert [one.sessions.is_open("home/p7") for one in (first, second, third)] == [False] * 3


def test_who_comes_later_hears_of_all_that_is_open_within_a_second(tmp_path: Path) -> None:
    """Red where `_look` of node/in_session.py tells nobody who has come."""
    with a_node(tmp_path, 1) as node:
        node.workers[0].begin("home/p7")
        node.tick(30)
        late = node.worker()
        node.tick(6)
        assert late.sessions.is_open("home/p7")


def test_who_has_gone_has_nothing_open(tmp_path: Path) -> None:
    """Red where `_look` of node/in_session.py forgets nobody."""
    with a_node(tmp_path, 2) as node:
        gone, stays = node.workers
        gone.begin("home/p7")
        node.tick()
        assert stays.sessions.is_open("home/p7")
        node.leave(gone)
        node.tick(6)
        assert not stays.sessions.is_open("home/p7")


def test_what_was_lost_is_told_again(tmp_path: Path) -> None:
    with a_node(tmp_path, 2) as node:
        first, second = node.workers
        first.begin("home/p7")
        first.sessions.changes(9)  # as if the datagram had been lost
        node.tick(int(in_session._AGAIN / TICK) + 1)
        assert second.sessions.is_open("home/p7")


def test_what_is_open_for_long_is_not_forgotten_and_what_nobody_tells_is(tmp_path: Path) -> None:
    with a_node(tmp_path, 2) as node:
        first, second = node.workers
        first.begin("home/p7")
        node.tick(int(3 * in_session.LASTS / TICK))
        assert second.sessions.is_open("home/p7")
        node.workers.remove(first)  # it hangs: its socket is there, and it says nothing
        node.tick(int(in_session.LASTS / TICK) + 1)
        assert not second.sessions.is_open("home/p7")


def test_a_crowd_of_sessions_is_told_in_a_few_ticks(tmp_path: Path) -> None:
    with a_node(tmp_path, 2) as node:
        first, second = node.workers
        for number in range(7_000):
            first.begin(f"home/p{number}")
        node.tick(5)
        assert len(second.sessions.elsewhere) == 7_000


def test_what_nobody_understands_is_passed_over(tmp_path: Path) -> None:
    with a_node(tmp_path, 2) as node:
        first, second = node.workers
        for datagram in (b"", b"\xc1", b"\x93\x01\x02\x03"):
            first.told.neighbours.tell(datagram)
        first.begin("home/p7")
        node.tick()
        assert second.sessions.is_open("home/p7")


def test_a_worker_alone_tells_nobody_and_owes_nothing(tmp_path: Path) -> None:
    with a_node(tmp_path, 1) as node:
        (alone,) = node.workers
        alone.begin("home/p7")
        node.tick()
        assert alone.sessions.changes(9) == {}
