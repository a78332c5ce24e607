"""Services that register themselves: real processes of the example, and who asks the API."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.helpers.clients import PATIENCE

ROOT: Final = Path(__file__).parents[2]
TOKEN: Final = "the-token-of-the-players"
OTHER: Final = "the-token-of-the-worlds"


@dataclass(frozen=True, slots=True)
class Instance:
    """One service process; `at` is when it was registered, as it says itself."""

    process: "subprocess.Popen[str]"
    port: int
    at: float

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def leave(self) -> float:
        """Ask it to leave, and wait until it has ended; return how long that took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40.0) == 0
        return time.monotonic() - begun

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def instance(
    gateway: str, *options: str, service: str = "players", token: str = TOKEN
) -> Iterator[Instance]:
    """A process that is registered when the block begins."""
    command = [sys.executable, "-m", "examples.registering.service", service, gateway, *options]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TOKEN": token},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None  # asked for above
        line = process.stdout.readline()
        at = time.monotonic()
        assert line.startswith("registered: "), line
        yield Instance(process, int(line.split()[1]), at)
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()  # type: ignore[union-attr]  # as above


@dataclass(frozen=True, slots=True)
class Api:
    """The registration API of a gateway, asked by hand."""

    port: int

    def ask(
        self, method: str, path: str, body: object = None, *, token: str = TOKEN
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Return status, document and fields of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        fields = {"content-type": "application/json"}
        if token:
            fields["authorization"] = f"Bearer {token}"
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, body=data, headers=fields)
            answer = connection.getresponse()
            said = answer.read()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, json.loads(said) if said else {}, names
        finally:
            connection.close()

    def put(
        self, name: str, port: int, *, token: str = TOKEN, **fields: object
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Register an instance, by the names of service and instance."""
        service, _, one = name.partition("/")
        body = {"url": f"http://127.0.0.1:{port}", **fields}
        path = f"/internal/v1/services/{service}/instances/{one}"
        return self.ask("PUT", path, body, token=token)

    def ids(self, service: str = "players") -> list[str]:
        """The instances of a service that are registered."""
        _, said, _ = self.ask("GET", f"/internal/v1/services/{service}")
        return [one["id"] for one in said["instances"]]
