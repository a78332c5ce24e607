"""The sample services as processes, and a client for them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from select import select
from typing import Any, Final

_ROOT: Final = Path(__file__).parents[3]
_START: Final = 30.0  # seconds
_ANSWER: Final = 10.0  # seconds
_ENVIRONMENT: Final = {
    "TTA_AUTH_SECRET_KEY": "a secret that only these tests know, and need not keep",
    "PEI_RATE_LIMIT_CALLS": "10000",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered; names of fields are in lower case."""

    status: int
    fields: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Service:
    """A running service."""

    name: str
    host: str
    port: int

    def call(
        self, method: str, path: str, body: object = None, *, token: str = "", origin: str = ""
    ) -> Answer:
        """Send one request on a connection of its own."""
        connection = self.connection()
        try:
            return ask(connection, method, path, body, token=token, origin=origin)
        finally:
            connection.close()

    def connection(self) -> HTTPConnection:
        """Return a connection that stays open between requests."""
        return HTTPConnection(self.host, self.port, timeout=_ANSWER)


def ask(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: object = None,
    *,
    token: str = "",
    origin: str = "",
) -> Answer:
    """Send one request on this connection."""
    fields = {"Authorization": f"Bearer {token}", "Origin": origin}
    sent = {name: value for name, value in fields.items() if value not in {"", "Bearer "}}
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    answer = connection.getresponse()
    content = answer.read()
    received = {name.lower(): value for name, value in answer.getheaders()}
    is_json = received.get("content-type") == "application/json" and content
    return Answer(answer.status, received, json.loads(content) if is_json else content)


@contextmanager
def running(*names: str, **variables: str) -> Iterator[dict[str, Service]]:
    """Run these services, all started at once, and stop them afterwards."""
    with ExitStack() as stack:
        processes = {name: stack.enter_context(_process(name, variables)) for name in names}
        yield {name: _service(name, process) for name, process in processes.items()}


@contextmanager
def _process(name: str, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "examples.tta.serve", name]
    environment = {**os.environ, **_ENVIRONMENT, **variables}
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _service(name: str, process: subprocess.Popen[str]) -> Service:
    output = process.stdout
    assert output  # it is a pipe
    readable, _, _ = select([output], [], [], _START)
    line = output.readline() if readable else ""
    assert line.startswith(f"ready: {name} http://"), f"{name} is not ready: {line!r}"
    host, _, port = line.strip().rpartition("/")[2].partition(":")
    return Service(name, host, int(port))
