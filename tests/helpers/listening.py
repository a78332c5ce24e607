"""Somebody who listens to a stream of the hub, without an SDK, and what is sent beside it."""

import http.client
import json
from typing import Any, Self

from tests.helpers.clients import PATIENCE

Told = dict[str, Any]


class Listening:
    """A stream of JSON, and the session that it is of."""

    def __init__(self, port: int, connect: Told) -> None:
        """Connect there."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        command = json.dumps({"id": 1, "connect": connect})
        self._connection.request("POST", "/connection/http_stream", command)
        self.answer = self._connection.getresponse()
        told = self.next()["connect"]
        self.session, self.node = told["session"], told["node"]

    def next(self) -> Told:
        """What it is told next, but for signs of life."""
        while not (told := json.loads(self.answer.readline())):
            pass
        return dict(told)

    def words(self, *commands: Told, **other: str) -> Told:
        """The body that sends commands in its name."""
        data = "\n".join(json.dumps(one) for one in commands)
        return {"session": self.session, "node": self.node, "data": data, **other}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def send(port: int, body: Told) -> int:
    """Send it, by a connection of its own; return what is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", "/emulation", json.dumps(body))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
