"""The supervisor without processes: the test is the other end of every worker's channel."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.node.slot import LIVED, LONGEST_START
from tta_gateway.node.supervisor import Supervisor


class Worker:
    """A process, as far as a supervisor sees one."""

    def __init__(self) -> None:
        self.channel, self._end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.returncode: int | None = None
        self.signals: list[int] = []

    killed = 0

    def kill(self) -> None:
        self.killed += 1

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)

    def serve(self, version: int = 1) -> None:
        self._end.send(b"ready %d" % version)

    def apply(self) -> bytes:
        """Take a newer snapshot, say so, and return it."""
        _, (fd,), _, _ = socket.recv_fds(self._end, 64, 1)
        self._end.send(b"applied 2")
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def close(self) -> None:
        self._end.close()
        self.channel.close()

    def die(self, code: int) -> None:
        self._end.close()
        self.returncode = code


class Node:
    """A supervisor, and what it has done."""

    def __init__(self, slots: int = 2) -> None:
        self.clock = FakeClock()
        self.told: list[str] = []
        self.workers: list[Worker] = []
        self.supervisor = Supervisor(
            slots,
            spawn=self._spawn,
            clock=self.clock.monotonic,
            log=cast("Any", self),
            serving=lambda: self.told.append("serving"),
            stopping=lambda: self.told.append("stopping"),
        )

    refuse = False

    def _spawn(self, slot: int) -> tuple["subprocess.Popen[bytes]", socket.socket]:
        if self.refuse:
            raise OSError(11, "no more")
        worker = Worker()
        self.told.append(f"started {slot}")
        self.workers.append(worker)
        return cast("Any", worker), worker.channel

    def event(self, name: str, **fields: object) -> None:
        self.told.append(f"{name} {fields['slot']} {fields.get('status', '')}".strip())

    @property
    def is_over(self) -> bool:
        return self.supervisor.code is not None

    def turn(self) -> None:
        self.supervisor.start_due()
        for key, _ in self.supervisor.selector.select(0):
            key.data()
        self.supervisor.reap()

    def all_serve(self) -> "Node":
        for number in range(len(self.supervisor.slots)):
            self.turn()
            self.workers[number].serve()
            self.turn()
        return self

    def take(self) -> list[str]:
        told, self.told = self.told, []
        return told


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.supervisor.selector.close()
    for worker in made.workers:
        worker.close()


def test_every_slot_has_a_worker_and_all_of_them_serving_is_told_once(node: Node) -> None:
    node.all_serve()
    assert node.take() == ["started 0", "started 1", "serving"]
    node.turn()
    assert node.take() == []


def test_the_first_worker_goes_ahead_of_the_others(node: Node) -> None:
    node.turn()
    assert node.take() == ["started 0"]
    node.workers[0].serve()
    node.turn()
    node.turn()
    assert node.take() == ["started 1"]


def test_a_node_is_ready_as_soon_as_one_worker_serves(node: Node) -> None:
    node.turn()
    assert node.supervisor.health()[0] is False
    node.workers[0].serve()
    node.turn()
    node.turn()
    ready, health = node.supervisor.health()
    assert (ready, health["workers"]) == (True, ["serving", "starting"])


def test_a_worker_that_dies_is_replaced_and_the_others_go_on(node: Node) -> None:
    node.all_serve().take()
    node.workers[0].die(-9)
    node.turn()
    node.turn()
    assert node.take() == ["worker_died 0 137", "started 0"]
    assert node.supervisor.code is None


def test_workers_that_keep_dying_are_replaced_more_and_more_slowly(node: Node) -> None:
    node.all_serve().take()
    for _ in range(3):
        node.workers[-1].die(1)
        node.turn()
        node.clock.advance(node.supervisor.patience())
        node.turn()
    assert node.supervisor.health()[1]["deaths"] == 3
    node.workers[-1].die(1)
    node.turn()
    assert node.supervisor.patience() == pytest.approx(0.4)


def test_one_that_has_lived_is_replaced_at_once(node: Node) -> None:
    node.all_serve().take()
    node.clock.advance(LIVED)
    node.workers[1].die(1)
    node.turn()
    assert node.supervisor.patience() == 0.0


@pytest.mark.parametrize(("code", "status"), [(3, 3), (0, 1), (-9, 137)])
def test_a_start_that_fails_is_the_end(node: Node, code: int, status: int) -> None:
    node.turn()
    node.workers[0].die(code)
    node.turn()
    assert (node.supervisor.code, node.take()) == (status, ["started 0", "stopping"])


def test_a_start_that_is_interrupted_is_no_fault(node: Node) -> None:
    node.turn()
    node.supervisor.stop(signal.SIGTERM)
    node.workers[0].die(-signal.SIGTERM)
    node.turn()
    assert node.supervisor.code == 0


def test_a_worker_that_cannot_be_started_is_as_one_that_died(node: Node) -> None:
    node.all_serve().take()
    node.refuse = True
    node.workers[0].die(1)
    node.turn()
    node.turn()
    assert node.take() == ["worker_died 0 1", "worker_not_started 0"]
    node.refuse = False
    node.clock.advance(node.supervisor.patience())
    node.turn()
    assert node.take() == ["started 0"]


def test_a_first_worker_that_cannot_be_started_is_a_reason_to_end(node: Node) -> None:
    node.refuse = True
    with pytest.raises(OSError, match="no more"):
        node.turn()


def test_a_worker_that_never_says_that_it_serves_is_killed(node: Node) -> None:
    node.turn()
    node.clock.advance(LONGEST_START + 1.0)
    node.turn()
    assert (node.workers[0].killed, node.take()) == (1, ["started 0", "worker_hangs 0"])


def test_the_end_is_the_end_of_all_workers_and_is_told_once(node: Node) -> None:
    node.all_serve().take()
    node.supervisor.stop(signal.SIGTERM)
    node.supervisor.stop(signal.SIGINT)
    assert [worker.signals for worker in node.workers] == [[15, 2], [15, 2]]
    assert node.supervisor.health()[0] is False
    node.workers[0].die(0)
    node.turn()
    assert not node.is_over
    node.workers[1].die(0)
    node.turn()
    assert (node.supervisor.code, node.take()) == (0, ["stopping"])


def test_a_worker_that_ends_badly_is_the_status(node: Node) -> None:
    node.all_serve()
    node.supervisor.stop(signal.SIGTERM)
    node.workers[0].die(-9)
    node.workers[1].die(0)
    node.turn()
    assert node.supervisor.code == 137


def test_a_signal_is_passed_on_to_those_that_serve(node: Node) -> None:
    node.turn()
    node.workers[0].serve()
    node.turn()
    node.turn()
    node.supervisor.pass_on(signal.SIGUSR1)
    assert [worker.signals for worker in node.workers] == [[signal.SIGUSR1], []]


def test_it_looks_again_after_a_while_where_nothing_is_due(node: Node) -> None:
    node.all_serve()
    assert node.supervisor.patience() == 1.0


def test_a_newer_snapshot_is_handed_to_every_worker_and_its_version_is_known(node: Node) -> None:
    node.all_serve()
    assert node.supervisor.health()[1]["versions"] == [1, 1]
    node.supervisor.hand_out(b"newer")
    assert [worker.apply() for worker in node.workers] == [b"newer", b"newer"]
    node.turn()
    node.turn()
    assert node.supervisor.health()[1]["versions"] == [2, 2]


def test_a_worker_that_cannot_be_told_is_named(node: Node) -> None:
    node.all_serve().take()
    node.workers[0].die(-9)
    node.supervisor.hand_out(b"newer")
    assert node.take() == ["worker_not_told 0"]
    assert node.workers[1].apply() == b"newer"
