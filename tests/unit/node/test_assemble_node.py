"""A node without processes and without addresses; the rest is in tests/e2e/test_node.py."""

import os
import signal
import socket
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.house import CONTROL, GUARD, WORKER, Events, House, asked, compiled
from tta_gateway.node import handover, lock
from tta_gateway.node.assemble_node import Node
from tta_gateway.node.child import give
from tta_gateway.node.findings import Findings
from tta_gateway.node.handover import Handover
from tta_gateway.node.near import connected
from tta_gateway.snapshot.parts import LIVE, Live, encoded
from tta_gateway.support.file_stamp import stamp_of


def test_it_has_as_many_slots_as_it_is_to_have_workers(house: House) -> None:
    assert len(house.node(workers=3).supervisor.slots) == 3


def test_it_has_a_slot_for_each_core_where_nothing_is_said(house: House) -> None:
    assert len(house.node(workers=0).supervisor.slots) == len(os.sched_getaffinity(0))


def test_a_folder_has_one_gateway(house: House) -> None:
    house.node()
    with pytest.raises(OSError, match="another gateway uses this folder"):
        lock.take(house.folder)


def test_it_says_where_it_is_reached(house: House) -> None:
    house.node().introduce()
    assert house.out.getvalue() == ("ready: http://127.0.0.1:8080\nadmin: http://127.0.0.1:8081\n")


def test_the_end_makes_room_for_the_next_gateway(house: House) -> None:
    node = house.node()
    node.supervisor.stop()
    assert not any(one.is_open for one in cast("Any", node.addresses.listening))
    with pytest.raises(ConnectionRefusedError):
        connected(house.folder / "supervisor.sock", 5.0)
    os.close(lock.take(house.folder))


# What control finds out


def found(n: int) -> bytes:
    return encoded(Live(sections={"a": msgspec.Raw(msgspec.msgpack.encode(n))}))


def told(house: House, node: Node, who: str, *findings: bytes) -> list[int]:
    """What the node knows once a process has said this."""
    for one in findings:
        give(house.of(who)[0].end, LIVE, one)
        house.turn(node)
    return [msgspec.msgpack.decode(raw) for raw in node.offspring.live.sections.values()]


def test_what_control_has_found_out_is_kept_for_whoever_starts(house: House) -> None:
    assert told(house, house.serving(), CONTROL, found(1), found(2)) == [2]


def test_what_nobody_can_read_changes_nothing_and_is_told(house: House) -> None:
    node = house.serving()
    node.log = events = cast("Any", Events())
    assert told(house, node, CONTROL, found(1), b"", b"\xc1", b"\x93\x01") == [1]
    assert [name for name, _ in events.told] == ["finding_not_read"] * 3


def test_nobody_but_control_finds_anything_out(house: House) -> None:
    node = house.serving()
    house.of(WORKER)[0].end.send(b"away 3")
    assert (told(house, node, WORKER, found(1)), node.beside.missing()) == ([], [])


def test_workers_that_leave_are_told_what_control_has_found_out(house: House) -> None:
    node = house.serving()
    first = house.of(WORKER)[0]
    node.supervisor.renew()
    house.turn(node)
    house.of(WORKER)[-1].end.send(b"ready 1")
    house.turn(node)
    assert [one.process for one in node.supervisor.leaving()] == [first]
    told(house, node, CONTROL, found(1))
    first.end.setblocking(False)
    data, fds, _, _ = socket.recv_fds(first.end, 64, 1)
    assert (data, len(fds)) == (LIVE, 1)
    os.close(fds[0])


def test_what_control_found_out_last_outlives_it(house: House) -> None:
    """Red without `_hear_out` in node/companion.py: its end may be seen before its words."""
    node = house.serving()
    (control,) = house.of(CONTROL)
    for n in (1, 2):
        give(control.end, LIVE, found(n))
    control.die(-9)
    node.turns._take(bytes([signal.SIGCHLD]))
    assert told(house, node, CONTROL) == [2]
    for _ in range(2):
        house.turn(node)
    assert len(house.of(CONTROL)) == 2


def test_what_did_not_arrive_is_asked_for_again(house: House) -> None:
    node = house.serving()
    (control,) = house.of(CONTROL)
    findings = Findings(control.end, {})
    control.end.send(LIVE)  # no descriptor was left for what it holds
    house.turn(node)
    control.end.setblocking(False)
    assert findings.hear(control.end.recv(64), [])
    give(control.end, LIVE, b"\xc1")  # what is of another version is so the next time, too
    house.turn(node)
    with pytest.raises(BlockingIOError):
        control.end.recv(64)


# An upgrade


def copied(left: Handover) -> Handover:
    """The same, with descriptors of its own: two nodes in one process must not share any."""

    def own(fds: list[int]) -> list[int]:
        return [os.dup(fd) for fd in fds]

    children = [
        msgspec.structs.replace(one, channel=os.dup(one.channel), pid=os.getpid())
        for one in left.children
    ]
    return msgspec.structs.replace(
        left,
        listeners=[own(fds) for fds in left.listeners],
        probe=own(left.probe),
        admin=own(left.admin),
        logs=own(left.logs),
        notes=own(left.notes),
        public=os.dup(left.public),
        commands=os.dup(left.commands),
        lock=os.dup(left.lock),
        segments=os.dup(left.segments),
        children=children,
    )


def test_all_processes_are_handed_over(house: House) -> None:
    left = house.serving().succession._handover(compiled(house))
    told = {(one.pid, one.slot, one.version, one.name) for one in left.children}
    (control,), (guard,) = house.of(CONTROL), house.of(GUARD)
    assert told == {
        (100, 0, 1, ""),
        (101, 1, 1, ""),
        (guard.pid, -1, 0, "guard"),
        (control.pid, -1, 0, "control"),
    }


def test_what_it_counts_in_and_where_it_listens_is_handed_over(house: House) -> None:
    node = house.serving()
    left = node.succession._handover(compiled(house))
    assert (left.segments, left.listeners) == (
        node.ledger.segments.fd,
        [node.addresses.listening[0].fds],
    )
    assert (left.slots, left.generation, left.lock) == (2, 1, node._held)
    assert {one.segment for one in left.children} == {1, 2, 3, 4}


class Adopted:
    """A child that goes on: this process has not started it."""

    made: list["Adopted"] = []  # noqa: RUF012 - emptied for every test

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.signals: list[int] = []
        self.made.append(self)

    def poll(self) -> int | None:
        return None

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


@pytest.fixture
def left(house: House, monkeypatch: pytest.MonkeyPatch) -> Handover:
    """What a node has left of which all served."""
    monkeypatch.setattr(handover, "Adopted", Adopted)
    Adopted.made.clear()
    return copied(house.serving().succession._handover(compiled(house)))


@pytest.fixture
def resumed(house: House, left: Handover) -> Node:
    """A node that another one has become."""
    return house.node(kept=left, version=2)


def test_a_node_that_goes_on_serves_at_once(resumed: Node) -> None:
    ready, health = resumed.operators.health()
    assert (ready, health["workers"], health["versions"]) == (True, ["serving"] * 2, [1, 1])


def test_a_node_that_goes_on_renews_its_workers(house: House, resumed: Node) -> None:
    before = len(house.of(WORKER))
    house.turn(resumed)
    assert (len(house.of(WORKER)), resumed.supervisor.renewal()["renewing"]) == (before + 1, 2)


def test_a_node_that_goes_on_asks_its_companions_to_end(resumed: Node) -> None:
    asked = [one.signals for one in Adopted.made]
    assert sorted(asked) == [[], [], [signal.SIGTERM], [signal.SIGTERM]]
    assert resumed.operators.health()[1]["degraded"] == ["guard", "control"]


def test_a_node_that_goes_on_gives_nobody_a_segment_that_another_has(
    house: House, resumed: Node
) -> None:
    house.turn(resumed)
    assert house.of(WORKER)[-1].given[0] == "5"


def test_a_node_that_goes_on_answers_where_the_one_before_did(house: House, resumed: Node) -> None:
    for node in house.nodes[:1]:
        node.supervisor.selector.unregister(node.addresses.commands)
    told = asked(house, resumed, "status")
    assert (told["generation"], told["configuration"]) == (1, 2)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_companion_that_nobody_knows_any_more_is_asked_to_end(
    house: House, left: Handover
) -> None:
    renamed = [
        msgspec.structs.replace(one, name="oracle") if one.name == "guard" else one
        for one in left.children
    ]
    house.node(kept=msgspec.structs.replace(left, children=renamed))
    assert Adopted.made[2].signals == [signal.SIGTERM]


def test_a_file_that_changes_during_an_upgrade_is_read_by_the_node_that_goes_on(
    house: House, left: Handover
) -> None:
    file = house.folder / "gateway.yaml"
    file.write_text("a")
    stamp = stamp_of(file)
    file.write_text("another")
    resumed = house.node(kept=msgspec.structs.replace(left, stamp=stamp), version=2)
    resumed.reload.tick()
    resumed._watches._looking.wait(5.0)
    resumed.reload.tick()
    assert resumed._watches._is_unsettled
