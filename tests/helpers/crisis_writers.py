"""People at risk who write, by REST and through the hub, to a gateway whose processes are killed.

Each message has a person of its own, so that each must have its own incident.
"""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.helpers.hub_stage import token
from tta_gateway.features.realtime.ear import HELP

CRISIS: Final = "I want to die."
Fate: TypeAlias = Literal["helped", "bare", "cut"]
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Said:
    """A message, and what came of it: `cut` where no answer came at all."""

    person: str
    way: str
    fate: Fate
    told: str = ""
    """the answer, for whoever looks at a failure"""
    correlation: str = ""


Way: TypeAlias = Callable[[int, str, str], Said]
"""says something to a port, as somebody; the last is a path"""


def by_rest(port: int, person: str, path: str) -> Said:
    """Send a request."""
    body = json.dumps({"text": CRISIS})
    fields = {"authorization": f"Bearer {token(person)}", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("POST", path, body, fields)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return Said(person, path, "cut", repr(error))
    finally:
        connection.close()
    helped = answer.getheader("x-crisis-support") is not None
    correlation = answer.getheader("x-request-id") or ""
    fate: Fate = "helped" if helped else "bare"
    return Said(person, path, fate, str(answer.status), correlation)


def by_hub(port: int, person: str, path: str) -> Said:
    """Publish something; wait for the card, and for the answer to the command."""
    told: list[str] = []
    try:
        with connect(f"ws://127.0.0.1:{port}/connection/websocket", proxy=None) as socket:
            socket.send(json.dumps({"id": 1, "connect": {"token": token(person)}}))
            socket.recv(_PATIENCE)
            said = {"channel": path, "data": {"text": CRISIS}}
            socket.send(json.dumps({"id": 2, "publish": said}))
            is_answered = _read(socket, told)
    except (OSError, WebSocketException) as error:
        is_answered = False
        told.append(repr(error))
    text = "\n".join(told)
    if any(f'"{HELP}"' in one for one in told):
        return Said(person, "hub", "helped", text)
    return Said(person, "hub", "bare" if is_answered else "cut", text)


def _read(socket: ClientConnection, told: list[str]) -> bool:
    """Read until the command has been answered; a card comes before that."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for line in str(socket.recv(until - time.monotonic())).split("\n"):
            told.append(line)
            if json.loads(line).get("id") == 2:
                return True
    return False


def until_answered(way: Way, port: int, name: str, path: str) -> list[Said]:
    """Say it, anew as somebody else whenever no answer comes, until one does."""
    said: list[Said] = []
    deadline = time.monotonic() + 4 * _PATIENCE
    while not said or said[-1].fate == "cut":
        assert time.monotonic() < deadline, said
        said.append(way(port, f"{name}-{len(said)}", path))
        if said[-1].fate == "cut":
            time.sleep(_PAUSE)
    return said
