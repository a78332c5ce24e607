"""The command line, run in this process, and what it may ask: a gateway, its administration."""

import json
import socket
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from tta_gateway.cli.entry import main
from tta_gateway.node import admin_client, supervisor_main
from tta_gateway.node.commands import SOCKET
from tta_gateway.node.near import listening
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.kept import Compiled
from tta_gateway.snapshot.model import Snapshot

Told = dict[str, Any]
STATUS: Told = {
    "configuration": 3,
    "file": "gateway.yaml",
    "version": "1.2.3",
    "generation": 0,
    "renewing": 0,
    "broken_off": "",
    "pids": [7, 8],
    "upgrade": {"checking": False, "refused": []},
}


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(main, arguments)


class Became:
    """What this process would have become."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.compiled: Compiled | None = None
        monkeypatch.setattr(supervisor_main, "become", self._become)

    def _become(self, compiled: bytes, file: Path) -> None:
        self.compiled = msgspec.msgpack.decode(compiled, type=Compiled)
        self.file = file

    @property
    def snapshot(self) -> Snapshot:
        assert self.compiled is not None
        return decode(self.compiled.data)

    @property
    def routes(self) -> list[str]:
        return [route.path for route in self.snapshot.routes]


class Running:
    """A gateway that answers what the test says: each answer once, and the last for ever."""

    def __init__(self, file: Path, state: Path) -> None:
        state.mkdir()
        self._file = file
        self._state = state
        self._socket = listening(state / SOCKET)
        self.answers: dict[str, list[Told]] = {
            "status": [STATUS],
            "restart": [{"asked": "restart"}],
            "upgrade": [{"asked": "upgrade"}],
        }
        self.asked: list[str] = []

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return  # it is over
            with client, client.makefile("rb") as said:
                word = json.loads(said.readline())["do"]
                self.asked.append(word)
                told = self.answers[word]
                answer = told.pop(0) if len(told) > 1 else told[0]
                client.sendall(json.dumps(answer).encode() + b"\n")

    def says(self, *told: Told) -> None:
        """Say this when it is asked how it is."""
        self.answers["status"] = [{**STATUS, **one} for one in told]

    def run(self, *words: str) -> Result:
        return run(*words, "-c", str(self._file), TTA_GATEWAY__STATE_DIR=str(self._state))

    def close(self, serving: "Future[None]") -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        serving.result()
        self._socket.close()


class Administration:
    """An administration that answers what the test says, and keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self.answers: list[Told] = []
        self.tokens: set[str] = set()
        monkeypatch.setattr(admin_client, "asked", self._asked)

    def says(self, *told: Told) -> None:
        """Answer this, one after the other."""
        self.answers = [*told]

    def _asked(self, *said: object, token: str) -> Told:
        _, _, method, path, body = said
        self.asked.append((str(method), str(path), body))
        self.tokens.add(token)
        return self.answers.pop(0)
