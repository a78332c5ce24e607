"""The supervisor without processes: the test is the other end of every worker's channel."""

import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_process import FakeProcess
from tta_gateway.node.child import LAST, UNCOVER, Child, Said
from tta_gateway.node.slot import FORSAKEN, LIVED, LONGEST_SILENCE, LONGEST_START
from tta_gateway.node.supervisor import Supervisor


class Worker(FakeProcess):
    """A worker, as far as a supervisor sees one."""

    beats = 0
    hangs = False

    def serve(self, version: int = 1) -> None:
        self.say(b"ready %d" % version)

    def apply(self, version: int) -> None:
        """Say that a newer snapshot has been applied."""
        self.say(b"applied %d" % version)

    def leave(self) -> None:
        """Say that it leaves."""
        self.say(b"leaving 1")

    def heard(self) -> list[bytes]:
        """Return what it has been told."""
        words = []
        self.end.setblocking(False)
        try:
            while word := self.end.recv(64):
                words.append(word)
        except BlockingIOError:
            return words
        return words


class Node:
    """A supervisor, and what it has done."""

    def __init__(self, slots: int = 2) -> None:
        self.clock = FakeClock()
        self.told: list[str] = []
        self.workers: list[Worker] = []
        self.left_behind: list[int] = []
        self.covers: list[tuple[int, int]] = []
        self.heard_of: list[tuple[int, bytes, int]] = []
        self.supervisor = Supervisor(
            slots,
            spawn=self._spawn,
            clock=self.clock.monotonic,
            log=cast("Any", self),
            owner=self,
        )

    def introduce(self) -> None:
        self.told.append("serving")

    def let_go(self) -> None:
        self.told.append("stopping")

    def left(self, child: Child) -> None:
        self.left_behind.append(child.segment)

    def beats(self, child: Child) -> int:
        worker = self.workers[child.segment]
        worker.beats += 0 if worker.hangs else 1
        return worker.beats

    def cover(self, child: Child, slot: int) -> None:
        self.covers.append((child.process.pid, slot))

    def heard(self, child: Child, said: Said) -> None:
        self.heard_of.append((child.process.pid, said.word, said.version))

    refuse = False

    def _spawn(self, slot: int) -> Child:
        if self.refuse:
            raise OSError(11, "no more")
        self.told.append(f"started {slot}")
        return self.another()

    def another(self) -> Child:
        """A process that counts in a segment of its own."""
        worker = Worker(pid=100 + len(self.workers))
        self.workers.append(worker)
        return Child(cast("Any", worker), worker.channel, len(self.workers) - 1)

    def event(self, name: str, **fields: object) -> None:
        told = (name, fields.get("slot"), fields.get("status"))
        self.told.append(" ".join(str(one) for one in told if one is not None))

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

    def close(self) -> None:
        self.supervisor.selector.close()
        for worker in self.workers:
            worker.close()

    def pids(self) -> object:
        """The workers of the slots."""
        return self.supervisor.renewal()["pids"]

    def renewed(self) -> "Node":
        """All serve, and the successor of the first worker is on its way: it is the third."""
        self.all_serve().take()
        assert self.supervisor.renew()
        self.turn()
        return self

    def succeeds(self, number: int) -> None:
        """A successor serves, and the next may be started."""
        self.workers[number].serve()
        self.turn()
        self.turn()

    def take(self) -> list[str]:
        told, self.told = self.told, []
        return told


@pytest.fixture
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


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
    slot = node.supervisor.slots[1]
    for _ in range(3):
        node.workers[-1].die(1)
        node.turn()
        node.clock.advance(slot.due - node.clock.monotonic())
        node.turn()
    assert node.supervisor.health()[1]["deaths"] == 3
    node.workers[-1].die(1)
    node.turn()
    assert slot.due - node.clock.monotonic() == pytest.approx(0.4)


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
    node.supervisor.stop()
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
    node.supervisor.stop()
    node.supervisor.stop()
    assert [worker.signals for worker in node.workers] == [[15, 15], [15, 15]]
    assert node.supervisor.health()[0] is False
    node.workers[0].die(0)
    node.turn()
    assert not node.is_over
    node.workers[1].die(0)
    node.turn()
    assert (node.supervisor.code, node.take()) == (0, ["stopping"])


def test_everybody_hears_that_none_follows_before_it_is_asked_to_end(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    order: list[list[bytes]] = []
    for worker in node.workers:
        worker.send_signal = lambda _, one=worker: order.append(one.heard())  # type: ignore[method-assign,misc]
    node.supervisor.stop()
    assert order == [[LAST]] * 4


def test_who_does_not_hear_that_none_follows_is_asked_to_end_all_the_same(node: Node) -> None:
    node.all_serve()
    node.workers[0].channel.close()
    node.supervisor.stop()
    assert node.workers[0].signals == [signal.SIGTERM]


def test_a_worker_that_ends_badly_is_the_status(node: Node) -> None:
    node.all_serve()
    node.supervisor.stop()
    node.workers[0].die(-9)
    node.workers[1].die(0)
    node.turn()
    assert node.supervisor.code == 137


def test_it_looks_again_after_a_while_where_nothing_is_due(node: Node) -> None:
    node.all_serve()
    assert node.supervisor.patience() == 1.0


def test_the_version_that_a_worker_decides_from_is_known(node: Node) -> None:
    node.all_serve()
    assert node.supervisor.health()[1]["versions"] == [1, 1]
    node.workers[0].apply(2)
    node.turn()
    assert node.supervisor.health()[1]["versions"] == [2, 1]


def test_every_word_of_a_worker_is_passed_on(node: Node) -> None:
    node.all_serve()
    node.workers[1].apply(2)
    node.turn()
    assert node.heard_of == [(100, b"ready", 1), (101, b"ready", 1), (101, b"applied", 2)]


def test_who_has_ended_leaves_its_segment(node: Node) -> None:
    node.all_serve()
    node.workers[1].die(1)
    node.turn()
    assert node.left_behind == [1]


# A worker that hangs


def passing(node: Node, seconds: float) -> None:
    """Let time pass, as a supervisor sees it that looks once a second."""
    for _ in range(int(seconds)):
        node.clock.advance(1.0)
        node.turn()


def test_a_worker_that_shows_no_sign_of_life_for_long_is_killed(node: Node) -> None:
    node.all_serve().take()
    node.workers[0].hangs = True
    passing(node, LONGEST_SILENCE)
    assert (node.workers[0].killed, node.take()) == (0, [])
    passing(node, 2)
    assert (node.workers[0].killed, node.take()) == (1, ["worker_hangs 0"])


def test_a_worker_that_lives_is_not_killed_however_long_it_is_quiet(node: Node) -> None:
    node.all_serve().take()
    passing(node, 5 * LONGEST_SILENCE)
    assert ([worker.killed for worker in node.workers], node.take()) == ([0, 0], [])


def test_a_worker_that_is_killed_because_it_hung_is_replaced(node: Node) -> None:
    node.all_serve().take()
    node.workers[0].hangs = True
    passing(node, LONGEST_SILENCE + 2)
    node.workers[0].die(-9)
    node.turn()
    node.turn()
    assert node.take() == ["worker_hangs 0", "worker_died 0 137", "started 0"]


def test_a_successor_is_given_all_of_its_start_though_nobody_hears_it(node: Node) -> None:
    node.all_serve().take()
    node.workers[0].die(-9)
    node.turn()
    node.turn()
    node.workers[2].hangs = True
    passing(node, LONGEST_START)
    assert node.workers[2].killed == 0


# A worker that somebody else has asked to end


def leaves(node: Node, number: int) -> None:
    """A worker says that it leaves, and the supervisor turns."""
    node.workers[number].leave()
    node.turn()


def test_another_follows_at_once_a_worker_that_leaves_unasked(node: Node) -> None:
    node.all_serve().take()
    leaves(node, 0)
    assert (node.take(), node.supervisor.patience()) == (["worker_leaves 0"], 0.0)
    node.turn()
    assert (node.take(), node.pids()) == (["started 0"], [102, 101])


def test_a_worker_that_leaves_unasked_has_its_grace_and_its_end_is_no_death(node: Node) -> None:
    node.all_serve()
    leaves(node, 0)
    node.turn()
    assert (node.supervisor.renewal()["leaving"], node.workers[0].signals) == (1, [])
    node.workers[0].die(0)
    node.turn()
    assert (node.supervisor.renewal()["leaving"], node.left_behind) == (0, [0])
    assert node.supervisor.health()[1]["deaths"] == 0


def test_a_worker_that_leaves_unasked_and_does_not_end_is_killed(node: Node) -> None:
    node.supervisor.grace = 30.0
    node.all_serve()
    leaves(node, 0)
    passing(node, 39)
    assert node.workers[0].killed == 0
    passing(node, 2)
    assert node.workers[0].killed == 1


def test_a_successor_on_its_way_takes_the_slot_of_one_that_leaves_unasked(node: Node) -> None:
    node.renewed().take()
    leaves(node, 0)
    node.turn()
    assert node.take() == ["worker_leaves 0", "started 1"]
    assert node.pids() == [102, 101]
    node.workers[2].serve()
    node.turn()
    assert node.supervisor.health()[1]["workers"] == ["serving", "serving"]


def test_one_that_was_asked_to_leave_to_its_successor_says_nothing_new(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    node.take()
    leaves(node, 0)
    assert (node.take(), node.pids()) == ([], [102, 101])
    assert node.supervisor.renewal()["leaving"] == 1


def test_the_word_of_one_that_leaves_changes_nothing_at_the_end(node: Node) -> None:
    node.all_serve()
    node.supervisor.stop()
    node.take()
    leaves(node, 0)
    node.turn()
    assert (node.take(), len(node.workers)) == ([], 2)
    for worker in node.workers:
        worker.die(0)
    node.turn()
    assert node.supervisor.code == 0


# A slot without a worker


def forsaken(node: Node) -> None:
    """The first worker dies, and the next does not come to serve in time."""
    node.all_serve()
    node.workers[0].die(-9)
    node.turn()
    node.turn()
    node.clock.advance(FORSAKEN + 0.01)
    node.turn()


def test_a_sibling_accepts_where_nobody_has_for_a_while(node: Node) -> None:
    forsaken(node)
    assert node.covers == [(101, 0)]


def test_a_sibling_is_asked_once(node: Node) -> None:
    forsaken(node)
    node.turn()
    node.turn()
    assert len(node.covers) == 1


def test_a_worker_that_comes_soon_needs_no_sibling(node: Node) -> None:
    node.all_serve()
    node.workers[0].die(-9)
    node.turn()
    node.turn()
    node.workers[2].serve()
    node.turn()
    node.clock.advance(FORSAKEN + 0.01)
    node.turn()
    assert node.covers == []


def test_a_sibling_leaves_the_slot_alone_when_somebody_serves_there_again(node: Node) -> None:
    forsaken(node)
    node.workers[2].serve()
    node.turn()
    assert node.workers[1].end.recv(64) == UNCOVER + b"0"


def test_a_sibling_that_dies_is_followed_by_another() -> None:
    node = Node(slots=3)
    forsaken(node)
    ((first, _),) = node.covers
    node.workers[first - 100].die(-9)
    node.turn()
    node.turn()
    assert node.covers[-1][1] == 0
    assert node.covers[-1][0] not in (100, first)
    node.close()


def test_nobody_accepts_for_a_slot_at_the_start_or_at_the_end(node: Node) -> None:
    node.turn()
    node.clock.advance(FORSAKEN + 0.01)
    node.turn()
    node.all_serve()
    node.supervisor.stop()
    node.workers[0].die(0)
    node.turn()
    node.clock.advance(FORSAKEN + 0.01)
    node.turn()
    assert node.covers == []


def test_it_looks_soon_where_a_slot_has_no_worker(node: Node) -> None:
    node.all_serve()
    node.workers[0].die(-9)
    node.turn()
    node.turn()
    assert 0.0 < node.supervisor.patience() <= FORSAKEN


# Renewing


def test_workers_are_renewed_slot_by_slot_a_successor_at_a_time(node: Node) -> None:
    node.renewed()
    node.turn()
    assert node.take() == ["started 0"]
    node.succeeds(2)
    assert node.take() == ["started 1"]
    node.succeeds(3)
    assert (node.take(), node.pids()) == (["workers_renewed"], [102, 103])


def test_a_worker_is_asked_to_leave_only_when_its_successor_serves(node: Node) -> None:
    node.renewed()
    assert [worker.signals for worker in node.workers] == [[], [], []]
    node.succeeds(2)
    assert [worker.signals for worker in node.workers[:3]] == [[signal.SIGUSR2], [], []]


def test_a_node_is_ready_all_the_time(node: Node) -> None:
    node.renewed()
    seen = [node.supervisor.health()[1]["workers"]]
    node.succeeds(2)
    seen.append(node.supervisor.health()[1]["workers"])
    node.succeeds(3)
    seen.append(node.supervisor.health()[1]["workers"])
    assert seen == [["serving", "serving"]] * 3


def test_a_worker_that_has_left_is_no_death_and_leaves_its_segment(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    node.workers[0].die(0)
    node.turn()
    assert (node.left_behind, node.supervisor.health()[1]["deaths"]) == ([0], 0)


def test_what_is_under_way_is_told(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    assert node.supervisor.renewal() == {
        "renewing": 1,
        "leaving": 1,
        "pids": [102, 101],
        "broken_off": "",
    }
    node.succeeds(3)
    for worker in node.workers[:2]:
        worker.die(0)
    node.turn()
    told = node.supervisor.renewal()
    assert (told["renewing"], told["leaving"]) == (0, 0)


def test_there_is_one_renewal_at_a_time(node: Node) -> None:
    node.renewed()
    assert not node.supervisor.renew()
    node.succeeds(2)
    node.succeeds(3)
    assert node.supervisor.renew()


def test_nothing_is_renewed_before_all_have_served(node: Node) -> None:
    node.turn()
    node.workers[0].serve()
    node.turn()
    assert not node.supervisor.renew()


def test_nothing_is_renewed_at_the_end(node: Node) -> None:
    node.all_serve()
    node.supervisor.stop()
    assert not node.supervisor.renew()


def test_a_successor_that_dies_breaks_the_renewal_off_and_the_old_one_stays(node: Node) -> None:
    node.renewed().take()
    node.workers[2].die(3)
    node.turn()
    node.turn()
    assert (node.take(), node.pids(), node.left_behind) == (
        ["renewal_broken_off"],
        [100, 101],
        [2],
    )
    assert node.supervisor.renewal()["broken_off"] == "a new worker ended with 3 before it served"
    assert [worker.signals for worker in node.workers] == [[], [], []]


def test_a_second_successor_that_dies_leaves_the_first_in_its_place(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    node.take()
    node.workers[3].die(-9)
    node.turn()
    assert (node.take(), node.pids()) == (["renewal_broken_off"], [102, 101])


def test_a_successor_that_never_serves_is_killed_and_breaks_the_renewal_off(node: Node) -> None:
    node.renewed().take()
    node.clock.advance(LONGEST_START + 1.0)
    node.turn()
    assert (node.workers[2].killed, node.take()) == (1, ["worker_hangs 0"])
    node.workers[2].die(-9)
    node.turn()
    assert (node.take(), node.pids()) == (["renewal_broken_off"], [100, 101])


def test_a_successor_that_cannot_be_started_breaks_the_renewal_off(node: Node) -> None:
    node.all_serve().take()
    node.refuse = True
    node.supervisor.renew()
    node.turn()
    node.turn()
    assert (node.take(), node.pids()) == (["renewal_broken_off"], [100, 101])
    assert node.supervisor.renewal()["broken_off"] == "a worker could not be started: no more"


def test_a_renewal_that_was_broken_off_may_be_tried_again(node: Node) -> None:
    node.renewed()
    node.workers[2].die(3)
    node.turn()
    assert node.supervisor.renew()
    node.turn()
    assert node.supervisor.renewal()["broken_off"] == ""
    node.succeeds(3)
    assert node.pids() == [103, 101]


def test_a_worker_that_dies_while_its_successor_starts_is_followed_by_that_one(
    node: Node,
) -> None:
    node.renewed().take()
    node.workers[0].die(-9)
    node.turn()
    node.turn()
    assert (node.take(), node.pids()) == (["worker_died 0 137", "started 1"], [102, 101])
    assert node.supervisor.health()[1]["workers"] == ["starting", "serving"]
    node.workers[2].serve()
    node.turn()
    assert node.supervisor.health()[1]["workers"] == ["serving", "serving"]


def test_a_worker_that_dies_before_its_turn_is_replaced_and_not_twice(node: Node) -> None:
    node.renewed().take()
    node.workers[1].die(-9)
    node.turn()
    node.turn()
    assert node.take() == ["worker_died 1 137", "started 1"]


def pids(node: Node) -> list[int]:
    """Who wants newer snapshots."""
    return [child.process.pid for child in node.supervisor.children()]


def test_successors_want_newer_snapshots_too(node: Node) -> None:
    node.renewed()
    assert pids(node) == [100, 101, 102]


def test_those_that_leave_want_none(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    assert sorted(pids(node)) == [101, 102, 103]


def test_the_version_of_a_slot_is_that_of_its_new_worker(node: Node) -> None:
    node.renewed()
    node.workers[2].serve(5)
    node.turn()
    assert node.supervisor.health()[1]["versions"] == [5, 1]


def test_what_a_worker_says_that_leaves_is_not_its_slot_s(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    node.workers[0].serve(9)
    node.turn()
    assert node.supervisor.health()[1]["versions"] == [1, 1]


def test_a_worker_that_leaves_has_its_grace_and_is_killed_behind_it(node: Node) -> None:
    node.supervisor.grace = 30.0
    node.renewed()
    node.succeeds(2)
    node.clock.advance(30.0)
    node.turn()
    assert node.workers[0].killed == 0
    node.clock.advance(10.1)
    node.turn()
    node.turn()
    assert (node.workers[0].killed, node.workers[2].killed) == (1, 0)


def test_the_end_during_a_renewal_is_the_end_of_everybody(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    node.take()
    node.supervisor.stop()
    assert [worker.signals for worker in node.workers] == [
        [signal.SIGUSR2, signal.SIGTERM],
        [signal.SIGTERM],
        [signal.SIGTERM],
        [signal.SIGTERM],
    ]
    for number, worker in enumerate(node.workers):
        assert not node.is_over, number
        worker.die(0)
        node.turn()
    assert (node.supervisor.code, node.take()) == (0, ["stopping"])
    assert sorted(node.left_behind) == [0, 1, 2, 3]


def test_a_successor_that_the_end_interrupts_is_no_fault(node: Node) -> None:
    node.renewed().take()
    node.supervisor.stop()
    node.workers[0].die(0)
    node.workers[1].die(0)
    node.workers[2].die(-signal.SIGTERM)
    node.turn()
    assert (node.supervisor.code, node.take()) == (0, ["stopping"])


def test_who_does_not_end_within_the_grace_is_killed(node: Node) -> None:
    node.supervisor.grace = 30.0
    node.all_serve()
    node.supervisor.stop()
    node.clock.advance(39.9)
    node.turn()
    assert [worker.killed for worker in node.workers] == [0, 0]
    node.clock.advance(0.2)
    node.turn()
    node.turn()
    assert [worker.killed for worker in node.workers] == [1, 1]


# Another process went on


def test_workers_of_before_serve_on(node: Node) -> None:
    for slot in (0, 1):
        node.supervisor.inherit(slot, node.another(), 3)
    node.turn()
    assert (node.take(), node.pids()) == ([], [100, 101])
    ready, health = node.supervisor.health()
    assert (ready, health["workers"], health["versions"]) == (True, ["serving"] * 2, [3, 3])


def test_workers_of_before_can_be_renewed(node: Node) -> None:
    for slot in (0, 1):
        node.supervisor.inherit(slot, node.another(), 3)
    node.supervisor.renew()
    node.turn()
    node.succeeds(2)
    node.succeeds(3)
    assert (node.pids(), node.workers[0].signals) == ([102, 103], [signal.SIGUSR2])
    assert node.take() == ["started 0", "started 1", "workers_renewed"]


def test_workers_of_before_want_newer_snapshots(node: Node) -> None:
    for slot in (0, 1):
        node.supervisor.inherit(slot, node.another(), 1)
    node.workers[0].apply(2)
    node.turn()
    assert (pids(node), node.supervisor.health()[1]["versions"]) == ([100, 101], [2, 1])


def test_a_slot_that_was_empty_before_gets_a_worker(node: Node) -> None:
    node.supervisor.inherit(1, node.another(), 1)
    node.turn()
    assert node.take() == ["started 0"]


def test_one_that_was_leaving_before_leaves_on(node: Node) -> None:
    for slot in (0, 1, -1):
        node.supervisor.inherit(slot, node.another(), 1)
    assert node.supervisor.renewal()["leaving"] == 1
    node.workers[2].die(0)
    node.turn()
    assert (node.left_behind, node.supervisor.renewal()["leaving"]) == ([2], 0)
    assert node.take() == []


def test_who_takes_over_hears_of_those_that_serve_and_of_those_that_leave(node: Node) -> None:
    node.renewed()
    node.succeeds(2)
    node.workers[3].die(1)
    node.turn()
    told = [
        (slot, child.process.pid, version) for slot, child, version in node.supervisor.everybody()
    ]
    assert sorted(told) == [(-1, 100, 0), (0, 102, 1), (1, 101, 1)]


def test_a_successor_that_serves_too_late_changes_nothing_at_the_end(node: Node) -> None:
    node.renewed()
    node.workers[2].serve()
    node.supervisor.stop()
    node.turn()
    assert all(worker.signals == [signal.SIGTERM] for worker in node.workers)


def test_a_worker_and_its_successor_may_die_at_once(node: Node) -> None:
    node.renewed()
    node.workers[0].die(-9)
    node.workers[2].die(-9)
    node.turn()
    node.turn()
    assert len(node.workers) > 3


def test_a_worker_that_dies_with_a_word_unread_is_only_dead(node: Node) -> None:
    node.all_serve()
    node.workers[0].channel.send(b"snapshot")
    node.workers[0].die(-9)
    node.turn()
    assert "worker_died 0 137" in node.take()
