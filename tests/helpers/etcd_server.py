"""A real etcd, on loopback, for tests."""

import base64
import contextlib
import http.client
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any, Final

from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until

_START: Final = 15.0


class EtcdServer:
    """One member, asked over its JSON gateway as anybody would."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self.port = free_port()
        self._peer = free_port()
        self._folder = folder
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        found = which("etcd")
        assert found, "there is no etcd: make test installs it"
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.port, self._peer))
        options = {
            "name": "one",
            "data-dir": str(self._folder / "data"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"one={peer}",
        }
        words = [f"--{key}={value}" for key, value in options.items()]
        with (self._folder / "log").open("a") as log:
            process = subprocess.Popen([found, *words], stdout=log, stderr=log)
        assert wait_until(self.answers, _START), (self._folder / "log").read_text()
        return process

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether it does."""
        try:
            self.ask("/v3/kv/range", key=_encoded("a"))
        except (OSError, http.client.HTTPException, AssertionError):
            return False
        return True

    def ask(self, path: str, **said: object) -> dict[str, Any]:
        """Ask for something."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", path, json.dumps(said))
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
            assert answer.status == 200, told
            return told
        finally:
            connection.close()

    def put(self, key: str, *, lease: str = "0", **value: object) -> None:
        """Write an instance."""
        self.put_text(key, json.dumps(value), lease=lease)

    def put_text(self, key: str, text: str, *, lease: str = "0") -> None:
        """Write any text."""
        self.ask("/v3/kv/put", key=_encoded(key), value=_encoded(text), lease=lease)

    def delete(self, key: str) -> None:
        """Take a key out."""
        self.ask("/v3/kv/deleterange", key=_encoded(key))

    def lease(self, seconds: int) -> str:
        """A lease that ends by itself."""
        found: str = self.ask("/v3/lease/grant", TTL=str(seconds))["ID"]
        return found

    def revision(self) -> int:
        """The revision that it has come to."""
        return int(self.ask("/v3/kv/range", key=_encoded("a"))["header"]["revision"])

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """Start it anew, with its data."""
        self._process = self._started()

    def stop(self) -> None:
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
        self.kill()


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@contextlib.contextmanager
def etcd_server(folder: Path) -> Iterator[EtcdServer]:
    """Have one for a while."""
    folder.mkdir(exist_ok=True)
    server = EtcdServer(folder)
    try:
        yield server
    finally:
        server.stop()
