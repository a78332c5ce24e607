"""A node of a test: real parts, without processes and without addresses."""

import io
import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tests.helpers.fake_process import FakeProcess
from tta_gateway.node import addresses, offspring
from tta_gateway.node.assemble_node import Node
from tta_gateway.node.child import Child
from tta_gateway.node.handover import Handover
from tta_gateway.node.near import connected
from tta_gateway.node.reload import Compiled
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Listener, Snapshot
from tta_gateway.snapshot.parts import CHANGE, decode_change

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


class Process(FakeProcess):
    """A process that a node has started, and with what."""

    def __init__(self, pid: int, module: str, given: list[str]) -> None:
        super().__init__(pid)
        self.module = module
        self.given = given

    def version(self) -> int:
        """Return the version that what it was given leads to."""
        kind, (fd,), _, _ = socket.recv_fds(self.end, 64, 1)
        assert kind == CHANGE
        with os.fdopen(fd, "rb") as file:
            return decode_change(file.read()).version


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
        monkeypatch.setattr(addresses, "Listening", Listening)
        monkeypatch.setattr(offspring, "start", self._start)
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
        node.beside.start_due()
        for key, _ in node.supervisor.selector.select(0):
            key.data()

    def of(self, *modules: str) -> list[Process]:
        return [process for process in self.processes if process.module in modules]

    def close(self) -> None:
        for node in self.nodes:
            node.ledger.close()
            for key in list(node.supervisor.selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
            for sock in (
                node.addresses.public,
                node.addresses.commands,
                node.ledger.logs.reader,
                node.ledger.logs.sender,
                *node.ledger.notes,
            ):
                sock.close()
            for one in node.addresses.listening:
                one.close()
            assert node.addresses.admin is not None
            node.addresses.admin.close()
            node.supervisor.selector.close()
            os.close(node.ledger.segments.fd)
            os.close(node.ledger._usage._fd)
            if not node.turns.ends:
                os.close(node._held)
        for process in self.processes:
            process.close()


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


class Events:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def event(self, name: str, **fields: object) -> None:
        self.told.append((name, fields))


def compiled(house: House) -> Compiled:
    snapshot = msgspec.structs.replace(house.snapshot, version=2)
    return Compiled(snapshot, encode(snapshot), b"sealed", [])


def asked(house: House, node: Node, word: str) -> dict[str, Any]:
    """What is answered to a command."""
    with connected(house.folder / "supervisor.sock", 5.0) as client:
        client.sendall(json.dumps({"do": word}).encode() + b"\n")
        for _ in range(2):
            for key, _ in node.supervisor.selector.select(0):
                key.data()
        told: dict[str, Any] = json.loads(client.recv(65536))
        return told
