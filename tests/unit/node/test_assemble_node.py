"""A node without processes and without addresses; the rest is in tests/e2e/test_node.py."""

import io
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.kernel.timing import ConnectionLimits
from tta_gateway.node import assemble_node, handover, lock
from tta_gateway.node.assemble_node import Node
from tta_gateway.node.away import said
from tta_gateway.node.child import Child
from tta_gateway.node.handover import Handover
from tta_gateway.node.near import connected
from tta_gateway.node.reload import Compiled
from tta_gateway.node.signals import Signals
from tta_gateway.snapshot import kept as kept_snapshot
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.snapshot.parts import CHANGE, decode_change
from tta_gateway.support.file_stamp import stamp_of
from tta_gateway.support.segment import Segment

PATIENCE = 1.0  # seconds, for a thread on a busy machine
GUARD, CONTROL, WORKER = (
    f"tta_gateway.node.{name}_main" for name in ("guard", "control", "worker")
)


class Listening:
    """Sockets that are not there; their numbers are those of a file that is."""

    def __init__(self, listener: Listener, slots: int, *, fds: Sequence[int] = ()) -> None:
        self.url = f"http://{listener.host}:{listener.port}"
        self.fds = list(fds) or [os.open("/dev/null", os.O_RDONLY) for _ in range(slots)]
        self.is_open = True

    def of(self, slot: int) -> "Numbered":
        return Numbered(self.fds[slot % len(self.fds)])

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            for fd in self.fds:
                os.close(fd)


class Numbered:
    """A socket, as far as a node looks at one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd


class Process:
    """A process that a node has started: the test is the other end of its channel."""

    def __init__(self, pid: int, module: str, given: list[str]) -> None:
        self.pid = pid
        self.module = module
        self.given = given
        self.channel, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.returncode: int | None = None
        self.signals: list[int] = []

    def kill(self) -> None:
        self.signals.append(signal.SIGKILL)

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.signals.append(number)

    def version(self) -> int:
        """Return the version that what it was given leads to."""
        kind, (fd,), _, _ = socket.recv_fds(self.end, 64, 1)
        assert kind == CHANGE
        with os.fdopen(fd, "rb") as file:
            return decode_change(file.read()).version


class Told:
    """A part that notes what it is asked."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given: self.told.append(" ".join([name, *map(str, given)]))


class Done:
    """A compilation that has ended."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    def end(self) -> None:
        """It has ended already."""

    def result(self) -> Compiled:
        return self._compiled


class House:
    """A node of a folder, and the processes that it has started."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.out = io.StringIO()
        self.processes: list[Process] = []
        self.fault: OSError | None = None
        self.snapshot = Snapshot(
            version=1,
            state_dir=str(folder),
            workers=2,
            admin=Listener(host="127.0.0.1", port=8081),
            listeners=(Listener(host="127.0.0.1", port=8080),),
            services=(),
            routes=(),
        )
        monkeypatch.setattr(assemble_node, "Listening", Listening)
        monkeypatch.setattr(assemble_node, "start", self._start)
        self.nodes: list[Node] = []

    def _start(
        self, module: str, *, data: bytes, fds: Sequence[int] = (), words: Sequence[str] = ()
    ) -> Child:
        del data
        if self.fault is not None:
            raise self.fault
        process = Process(100 + len(self.processes), module, [*words, *map(str, fds)])
        self.processes.append(process)
        return Child(cast("Any", process), process.channel)

    def node(self, *, kept: Handover | None = None, **changes: object) -> Node:
        snapshot = msgspec.structs.replace(self.snapshot, **changes)
        made = Node(
            self.folder / "gateway.yaml",
            encode(snapshot),
            clock=self.clock,
            out=self.out,
            kept=kept,
        )
        self.nodes.append(made)
        return made

    def serving(self) -> Node:
        """A node of which all processes serve."""
        node = self.node()
        for _ in range(4):
            self.turn(node)
            for process in self.of(WORKER, GUARD, CONTROL):
                process.end.send(b"ready 1")
            self.turn(node)
        return node

    def turn(self, node: Node) -> None:
        """Turn the loop of a node, by hand."""
        node.supervisor.start_due()
        for one in node._companions if node._beside else []:
            one.start_due()
        for key, _ in node.supervisor.selector.select(0):
            key.data()

    def of(self, *modules: str) -> list[Process]:
        return [process for process in self.processes if process.module in modules]

    def close(self) -> None:
        for node in self.nodes:
            node.lines.close()
            node.logs.stop()
            for key in list(node.supervisor.selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
            for sock in (node._public, node._commands_at, node.logs.reader, node.logs.sender):
                sock.close()
            for one in node._listening:
                one.close()
            assert node._admin_at is not None
            node._admin_at.close()
            node.supervisor.selector.close()
            os.close(node._segments.fd)
            os.close(node._usage._fd)
            if not node._ends:
                os.close(node._held)
        for process in self.processes:
            process.channel.close()
            process.end.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, monkeypatch)
    yield made
    made.close()


# What it is made of


def test_it_has_as_many_slots_as_it_is_to_have_workers(house: House) -> None:
    assert len(house.node(workers=3).supervisor.slots) == 3


def test_it_has_a_slot_for_each_core_where_nothing_is_said(house: House) -> None:
    assert len(house.node(workers=0).supervisor.slots) == len(os.sched_getaffinity(0))


def test_a_folder_has_one_gateway(house: House) -> None:
    house.node()
    with pytest.raises(OSError, match="another gateway uses this folder"):
        lock.take(house.folder)


def test_it_counts_in_a_segment_of_its_own(house: House) -> None:
    node = house.node()
    assert Segment(node._segments.fd, node._segment).owner == os.getpid()


def test_every_process_counts_in_another_segment(house: House) -> None:
    house.serving()
    own = [process.given[0] for process in house.of(WORKER, CONTROL)]
    assert sorted(own) == ["1", "2", "3"]


def test_every_worker_gets_its_slot_s_sockets(house: House) -> None:
    node = house.serving()
    sockets = [process.given[-1] for process in house.of(WORKER)]
    assert sockets == [str(fd) for fd in node._listening[0].fds]


def test_control_gets_the_address_of_the_administration_and_its_own(house: House) -> None:
    node = house.serving()
    (control,) = house.of(CONTROL)
    assert node._admin_at is not None
    assert control.given[-2:] == [
        str(node._admin_at.of(0).fileno()),
        str(node._public.fileno()),
    ]


def test_companions_begin_when_all_workers_serve(house: House) -> None:
    node = house.node()
    for _ in range(3):
        house.turn(node)
    assert house.of(GUARD, CONTROL) == []
    node.introduce()
    house.turn(node)
    assert len(house.of(GUARD, CONTROL)) == 2


def test_a_process_that_cannot_be_started_keeps_no_segment(house: House) -> None:
    node = house.node()
    house.fault = OSError(11, "no more")
    with pytest.raises(OSError, match="no more"):
        node._worker(0)
    assert node._segments.take() == 1


# What it says


def test_it_says_where_it_is_reached(house: House) -> None:
    house.node().introduce()
    assert house.out.getvalue() == ("ready: http://127.0.0.1:8080\nadmin: http://127.0.0.1:8081\n")


def asked(house: House, node: Node, word: str) -> dict[str, Any]:
    """What is answered to a command."""
    with connected(house.folder / "supervisor.sock", 5.0) as client:
        client.sendall(json.dumps({"do": word}).encode() + b"\n")
        for _ in range(2):
            for key, _ in node.supervisor.selector.select(0):
                key.data()
        told: dict[str, Any] = json.loads(client.recv(65536))
        return told


def test_it_says_how_it_is(house: House) -> None:
    told = asked(house, house.serving(), "status")
    assert (told["ready"], told["configuration"], told["generation"]) == (True, 1, 0)
    assert told["workers"] == ["serving", "serving"]
    assert (told["guard"], told["control"], told["pids"]) == ("serving", "serving", [100, 101])
    assert told["upgrade"] == {"checking": False, "refused": []}


def test_its_health_names_the_configuration_and_what_was_refused(house: House) -> None:
    node = house.node()
    assert node._health()[1]["configuration"] == 1
    assert "refused" not in node._health()[1]
    node.reload.complaints = ["no"]
    assert node._health()[1]["refused"] == ["no"]


def test_its_health_names_who_is_missing_and_it_is_ready_all_the_same(house: House) -> None:
    node = house.serving()
    assert "degraded" not in node._health()[1]
    (control,) = house.of(CONTROL)
    control.returncode = -9
    node._take(bytes([signal.SIGCHLD]))
    ready, health = node._health()
    assert (ready, health["degraded"]) == (True, ["control"])


def test_its_health_names_the_stores_that_control_gets_no_answer_from(house: House) -> None:
    node = house.serving()
    (control,) = house.of(CONTROL)
    control.end.send(said(["cache"]))
    house.turn(node)
    ready, health = node._health()
    assert (ready, health["degraded"]) == (True, ["valkey cache"])
    control.end.send(said([]))
    house.turn(node)
    assert "degraded" not in node._health()[1]


def test_a_word_about_stores_is_none_about_a_version(house: House) -> None:
    node = house.serving()
    debt = node._publisher._given
    before = dict(debt)
    (control,) = house.of(CONTROL)
    control.end.send(said(["state", "cache"]))
    house.turn(node)
    assert debt == before


@pytest.mark.parametrize(
    ("word", "part", "told"),
    [("reload", "reload", ["ask"]), ("restart", "supervisor", ["renew"])],
)
def test_a_command_goes_to_whom_it_is_for(
    house: House, monkeypatch: pytest.MonkeyPatch, word: str, part: str, told: list[str]
) -> None:
    node, noting = house.node(), Told()
    with monkeypatch.context() as patch:
        patch.setattr(node, part, noting)
        getattr(node, f"_{word}")()
    assert noting.told == told


def test_a_restart_is_refused_where_not_all_serve(house: House) -> None:
    assert "error" in asked(house, house.node(), "restart")


def test_a_restart_begins_where_all_serve(house: House) -> None:
    node = house.serving()
    assert asked(house, node, "restart") == {"asked": "restart"}
    house.turn(node)
    assert len(house.of(WORKER)) == 3


def test_an_upgrade_is_not_begun_twice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    node = house.serving()
    answers = [True, False]
    monkeypatch.setattr(node.upgrade, "ask", lambda: answers.pop(0))
    assert asked(house, node, "upgrade") == {"asked": "upgrade"}
    assert asked(house, node, "upgrade") == {"error": "an upgrade is under way already"}


# Signals


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGTERM, {"supervisor": ["stop"]}),
        (signal.SIGINT, {"supervisor": ["stop"]}),
        (signal.SIGHUP, {"reload": ["ask"]}),
        (signal.SIGUSR1, {"logs": ["reopen"]}),
        (signal.SIGUSR2, {"upgrade": ["ask"]}),
        (signal.SIGCHLD, {"supervisor": ["reap"], "reload": ["reap"], "upgrade": ["reap"]}),
    ],
)
def test_a_signal_goes_to_whom_it_is_for(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    told: dict[str, list[str]],
) -> None:
    node = house.node()
    parts = {name: Told() for name in ("supervisor", "reload", "upgrade", "logs")}
    with monkeypatch.context() as patch:
        for name, part in parts.items():
            patch.setattr(node, name, part)
        node._take(bytes([number]))
    assert {name: part.told for name, part in parts.items() if part.told} == told


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
def test_a_node_that_ends_reads_nothing_and_becomes_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    node = house.serving()
    node._take(bytes([signal.SIGTERM]))
    parts = {name: Told() for name in ("reload", "upgrade")}
    with monkeypatch.context() as patch:
        for name, part in parts.items():
            patch.setattr(node, name, part)
        node._take(bytes([number]))
    assert [part.told for part in parts.values()] == [[], []]


def test_a_node_that_ends_still_opens_its_logs_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = house.serving()
    node._take(bytes([signal.SIGTERM]))
    logs = Told()
    with monkeypatch.context() as patch:
        patch.setattr(node, "logs", logs)
        node._take(bytes([signal.SIGUSR1]))
    assert logs.told == ["reopen"]


def test_what_has_been_compiled_when_a_node_ends_is_not_adopted(house: House) -> None:
    node = house.serving()
    node.reload._compiling = cast("Any", Done(compiled(house)))
    node._take(bytes([signal.SIGTERM]))
    node._take(bytes([signal.SIGCHLD]))
    node._tick()
    assert node.reload.snapshot.version == 1


def test_a_node_knows_how_often_a_worker_has_shown_that_it_lives(house: House) -> None:
    node = house.serving()
    (child, *_) = node.supervisor.children()
    before = node.beats(child)
    Segment(node._segments.fd, child.segment).beat()
    assert node.beats(child) == before + 1


# A newer configuration


def accepted(house: House, node: Node) -> None:
    """The node accepts a configuration, as it does when it has been compiled."""
    node.reload._take(compiled(house))


def test_a_newer_snapshot_reaches_workers_and_control(house: House) -> None:
    node = house.serving()
    accepted(house, node)
    assert [process.version() for process in house.of(WORKER, CONTROL)] == [2, 2, 2]


def test_a_newer_snapshot_is_kept_on_disk_sealed(house: House) -> None:
    node = house.serving()
    accepted(house, node)
    node._keeping.wait(PATIENCE)
    assert (house.folder / kept_snapshot.NAME).read_bytes() == b"sealed"


def test_a_disk_that_does_not_take_it_is_no_reason_to_refuse(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: bytes, __: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_snapshot, "keep", full)
    node = house.serving()
    events = Events()
    monkeypatch.setattr(node, "log", events)
    accepted(house, node)
    assert house.of(WORKER)[0].version() == 2
    assert node._health()[1]["configuration"] == 2
    node._keeping.wait(PATIENCE)
    for _ in range(2):
        node._tick()
    told = [fields for name, fields in events.told if name == "snapshot_not_kept"]
    assert told == [{"error": "No space left on device"}]


# The end


def test_the_end_makes_room_for_the_next_gateway(house: House) -> None:
    node = house.node()
    node.supervisor.stop()
    assert not any(one.is_open for one in cast("Any", node._listening))
    with pytest.raises(ConnectionRefusedError):
        connected(house.folder / "supervisor.sock", 5.0)
    os.close(lock.take(house.folder))


def test_control_leaves_its_address_at_once_and_stays_until_the_workers_have_ended(
    house: House,
) -> None:
    node = house.serving()
    node._take(bytes([signal.SIGTERM]))
    (control,), (guard,) = house.of(CONTROL), house.of(GUARD)
    assert (control.signals, guard.signals) == ([signal.SIGUSR2], [])
    for process in house.of(WORKER):
        process.returncode = 0
    node._take(bytes([signal.SIGCHLD]))
    assert node._code() is None
    assert (control.signals[-1], guard.signals[-1]) == (signal.SIGTERM, signal.SIGTERM)


def test_it_is_over_when_its_companions_are(house: House) -> None:
    node = house.serving()
    node._take(bytes([signal.SIGTERM]))
    codes = []
    for modules in ((WORKER,), (GUARD,), (CONTROL,)):
        for process in house.of(*modules):
            process.returncode = 0
        node._take(bytes([signal.SIGCHLD]))
        codes.append(node._code())
    assert codes == [None, None, 0]


# An upgrade


def compiled(house: House) -> Compiled:
    snapshot = msgspec.structs.replace(house.snapshot, version=2)
    return Compiled(snapshot, encode(snapshot), b"sealed", [])


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
        public=os.dup(left.public),
        commands=os.dup(left.commands),
        lock=os.dup(left.lock),
        segments=os.dup(left.segments),
        children=children,
    )


def test_all_processes_are_handed_over(house: House) -> None:
    left = house.serving()._handover(compiled(house))
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
    left = node._handover(compiled(house))
    assert (left.segments, left.listeners) == (node._segments.fd, [node._listening[0].fds])
    assert (left.slots, left.generation, left.lock) == (2, 1, node._held)
    assert {one.segment for one in left.children if one.name != "guard"} == {1, 2, 3}


def test_what_was_compiled_is_handed_over_and_kept(house: House) -> None:
    good = compiled(house)
    assert house.serving()._handover(good).snapshot == good.data
    assert (house.folder / kept_snapshot.NAME).read_bytes() == b"sealed"


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
    return copied(house.serving()._handover(compiled(house)))


@pytest.fixture
def resumed(house: House, left: Handover) -> Node:
    """A node that another one has become."""
    return house.node(kept=left, version=2)


def test_a_node_that_goes_on_serves_at_once(resumed: Node) -> None:
    ready, health = resumed._health()
    assert (ready, health["workers"], health["versions"]) == (True, ["serving"] * 2, [1, 1])


def test_a_node_that_goes_on_renews_its_workers(house: House, resumed: Node) -> None:
    before = len(house.of(WORKER))
    house.turn(resumed)
    assert (len(house.of(WORKER)), resumed.supervisor.renewal()["renewing"]) == (before + 1, 2)


def test_a_node_that_goes_on_asks_its_companions_to_end(resumed: Node) -> None:
    asked = [one.signals for one in Adopted.made]
    assert sorted(asked) == [[], [], [signal.SIGTERM], [signal.SIGTERM]]
    assert resumed._health()[1]["degraded"] == ["guard", "control"]


def test_a_node_that_goes_on_gives_nobody_a_segment_that_another_has(
    house: House, resumed: Node
) -> None:
    house.turn(resumed)
    assert house.of(WORKER)[-1].given[0] == "4"


def test_a_node_that_goes_on_answers_where_the_one_before_did(house: House, resumed: Node) -> None:
    for node in house.nodes[:1]:
        node.supervisor.selector.unregister(node._commands_at)
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


class Events:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def event(self, name: str, **fields: object) -> None:
        self.told.append((name, fields))


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (1 << 20, []),
        (1024, [("descriptors_short", {"limit": 1024, "wanted": 20_000, "per_worker": 896})]),
    ],
)
def test_it_says_once_at_the_start_where_there_is_no_room_for_all_clients(
    house: House, monkeypatch: pytest.MonkeyPatch, limit: int, told: list[object]
) -> None:
    events = Events()
    node = house.node()
    monkeypatch.setattr(assemble_node, "limit", lambda: limit)
    monkeypatch.setattr(node, "log", events)
    node.introduce()
    assert events.told == told


def test_it_says_so_again_with_a_configuration_that_wants_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events()
    node = house.node()
    monkeypatch.setattr(assemble_node, "limit", lambda: 1024)
    monkeypatch.setattr(node, "log", events)
    wants = ConnectionLimits(per_worker=30_000)
    after = msgspec.structs.replace(house.snapshot, version=2, connections=wants)
    node.reload.snapshot = after
    node._adopt(encode(after), b"sealed")
    assert [fields for _, fields in events.told] == [
        {"limit": 1024, "wanted": 30_000, "per_worker": 896}
    ]


def test_a_node_becomes_nothing_else_while_workers_are_replaced(house: House) -> None:
    node = house.serving()
    node._restart()
    assert node._not_now(house.snapshot) == [
        "workers are being replaced, or a file is being read: ask again"
    ]


def test_what_a_process_has_for_life_is_no_upgrade_s_to_change(house: House) -> None:
    node = house.serving()
    other = msgspec.structs.replace(house.snapshot, workers=7)
    assert node._not_now(other) == ["workers: cannot change while the gateway runs: start it anew"]


def test_a_node_that_stays_what_it_is_writes_its_logs_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Handover, __: Path) -> None:
        raise OSError(2, "no such file")

    node = house.serving()
    monkeypatch.setattr(assemble_node, "hand_over", fail)
    node.upgrade._take(compiled(house))
    assert node.upgrade.complaints == ["the new gateway cannot be started: no such file"]
    assert node.logs._thread.is_alive()


class Come:
    """Signals that have come and that nobody has read."""

    def __init__(self, numbers: bytes) -> None:
        self._numbers = numbers

    def come(self) -> bytes:
        numbers, self._numbers = self._numbers, b""
        return numbers


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, bool]]:
    """The signals that this process sends, and whether they wait then."""
    made: list[tuple[int, int, bool]] = []

    def kill(pid: int, number: int) -> None:
        made.append((pid, number, number in signal.pthread_sigmask(signal.SIG_BLOCK, ())))

    monkeypatch.setattr(os, "kill", kill)
    return made


def test_signals_not_read_yet_wait_for_the_node_that_it_becomes(
    house: House, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int, bool]]
) -> None:
    def fail(_: Handover, __: Path) -> None:
        raise OSError(2, "no such file")

    node = house.serving()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    node._signals = cast("Signals", Come(bytes([signal.SIGHUP, signal.SIGTERM])))
    monkeypatch.setattr(assemble_node, "hand_over", fail)
    with pytest.raises(OSError, match="no such file"):
        node._become(compiled(house))
    assert sent == [(os.getpid(), number, True) for number in (signal.SIGHUP, signal.SIGTERM)]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_what_a_check_is_given_is_what_would_be_handed_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Path, int, bytes]] = []

    def check(file: Path, version: int, *, handover: bytes) -> None:
        given.append((file, version, handover))

    node = house.serving()
    node._file.write_text("a")
    monkeypatch.setattr(assemble_node, "Compiling", check)
    node._check()
    ((file, version, handover),) = given
    left = msgspec.msgpack.decode(handover, type=Handover)
    assert (file, version, left.stamp) == (node._file, 2, stamp_of(node._file))
    assert len(left.children) == 4


def test_a_file_that_changes_during_an_upgrade_is_read_by_the_node_that_goes_on(
    house: House, left: Handover
) -> None:
    file = house.folder / "gateway.yaml"
    file.write_text("a")
    stamp = stamp_of(file)
    file.write_text("another")
    resumed = house.node(kept=msgspec.structs.replace(left, stamp=stamp), version=2)
    resumed.reload.tick()
    assert resumed.reload.is_waiting
