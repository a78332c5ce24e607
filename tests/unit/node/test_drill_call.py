"""A drill as its beginner sees it: each step, or the one at which it ends."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from tta_gateway.features.escalation.algorithm import incident_of
from tta_gateway.features.escalation.drill import SAID, Door
from tta_gateway.node import drill_call, line_socket
from tta_gateway.node.drill_call import drilled
from tta_gateway.node.drilling import FOLDER

ASKED = {"id": "7", "by": "ben", "level": 3}
STEPS = (
    'worker;desc="takes it";dur=0.000',
    'detector;desc="level 3 found";dur=0.500',
    'journal;desc="durable";dur=2.500',
)
SUPPORT = "X-Crisis-Support: available"


def answer(*steps: str, status: int = 200, support: str = SUPPORT) -> bytes:
    lines = [f"HTTP/1.1 {status} OK", f"Server-Timing: {', '.join(steps)}", support]
    return "\r\n".join([*filter(None, lines), "", "{}"]).encode()


class Node:
    """A node of one worker, which is told of drills and to which one comes by a unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.orders: list[dict[str, Any]] = []
        self.came = b""
        self.answer = answer(*STEPS)
        self.doors: list[dict[str, object]] = [{"unix": str(folder / "client.sock")}]
        self.says: dict[str, object] = {}
        self.listens = True

    def _told(self, line: bytes) -> bytes | Awaitable[bytes]:
        self.orders.append(json.loads(line))
        return json.dumps(self.says or {"doors": self.doors}).encode()

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError):  # what speaks TLS to it says nothing that it knows
            self.came = await reader.readuntil(b"}")
            writer.write(self.answer)
        writer.close()

    def drills(self, **more: object) -> dict[str, Any]:
        async def run() -> dict[str, Any]:
            (self.folder / FOLDER).mkdir()
            dead = self.folder / FOLDER / "1"
            dead.write_text("")  # of one that has died
            told = await line_socket.serve(self.folder / FOLDER / "2", self._told)
            path = self.folder / "client.sock"
            came = await asyncio.start_unix_server(self._come, path)
            if not self.listens:
                came.close()
                path.unlink(missing_ok=True)
            try:
                return await drilled(self.folder, {**ASKED, **more})
            finally:
                told.close()
                came.close()

        return asyncio.run(run())


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_drill_comes_as_a_client_with_a_token_that_workers_know(node: Node) -> None:
    told = node.drills()
    names = [one["step"] for one in told["steps"]]
    assert names == ["listener", "worker", "detector", "journal", "answer"]
    assert told["steps"][3]["ms"] - told["steps"][1]["ms"] == pytest.approx(2.5)
    assert told["incident"] == incident_of("drill-7")
    first, last = node.orders
    assert (first["id"], first.get("is_over")) == ("7", None)
    assert (last["token"], last["is_over"]) == (first["token"], True)
    head, _, body = node.came.partition(b"\r\n\r\n")
    assert f"x-tta-drill: {first['token']}".encode() in head
    assert head.startswith(b"POST /v1/drills HTTP/1.1\r\nHost: localhost\r\n")
    assert json.loads(body) == {"message": SAID[3]}


def test_to_a_listener_behind_proxies_it_speaks_as_one_for_itself(node: Node) -> None:
    node.doors[0]["proxied"] = True
    assert "incident" in node.drills()
    assert node.came.startswith(b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00POST ")


def test_one_that_was_refused_and_kept_has_come_as_far(node: Node) -> None:
    node.answer = answer(*STEPS, status=202)
    assert "incident" in node.drills()


LOW = 'detector;desc="level 2 found";dur=0.5'


@pytest.mark.parametrize(
    ("said", "step", "why"),
    [
        (answer(status=403), "worker", "it answers 403: see its log"),
        (answer(*STEPS[:1], status=503), "worker", "it answers 503: see its log"),
        (answer(STEPS[0], LOW), "detector", "it finds level 2 in a message of level 3"),
        (answer(STEPS[0]), "detector", "it finds level 0 in a message of level 3"),
        (answer(*STEPS[:2]), "journal", "it takes no record: see the log of the gateway"),
        (answer(*STEPS, support=""), "answer", "it does not say where help is"),
        (b"", "worker", "it does not answer as it should: IncompleteReadError"),
        (b"HTTP\r\n\r\n", "worker", "it does not answer as it should: IndexError"),
        (b"x" * 100_000, "worker", "it does not answer as it should: LimitOverrunError"),
    ],
)
def test_the_step_at_which_it_ends_is_named(node: Node, said: bytes, step: str, why: str) -> None:
    node.answer = said
    told = node.drills()
    assert told["failed"] == {"step": step, "why": why}
    assert step not in [one["step"] for one in told["steps"]]
    assert node.orders[-1]["is_over"]


def test_a_listener_that_does_not_answer_is_named(node: Node) -> None:
    node.listens = False
    told = node.drills()
    assert told["failed"]["step"] == "listener"
    assert "client.sock does not answer: " in told["failed"]["why"]


def test_a_listener_of_which_nothing_comes_by_tls_is_named(node: Node) -> None:
    node.doors[0]["tls"] = True
    assert node.drills()["failed"]["step"] == "listener"


def test_where_no_listener_lets_it_in_that_is_said(node: Node) -> None:
    node.doors = []
    assert node.drills()["failed"]["why"].startswith("none lets in who is on this machine")


def test_what_a_worker_does_not_understand_goes_nowhere(node: Node) -> None:
    node.says = {"failed": {"step": "worker", "why": "it does not understand the drill"}}
    assert node.drills()["failed"]["why"] == "it does not understand the drill"
    assert node.came == b""


def test_where_none_takes_drills_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no worker takes drills"):
        asyncio.run(drilled(tmp_path, ASKED))


def test_an_address_is_named_as_hosts_are() -> None:
    for host, said in (("127.0.0.1", b"Host: 127.0.0.1\r\n"), ("::1", b"Host: [::1]\r\n")):
        assert said in drill_call._request(Door(host=host, port=80), "t", 3)
