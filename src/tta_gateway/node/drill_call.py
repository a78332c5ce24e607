"""A drill as whoever begins it sees it: announced to all workers, then brought to one as a client.

It goes in by a listener, through TLS where that is spoken, by a POST on the path of drills; the
answer says how far it has come, and carries help as that of somebody in need does.
"""

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPException, parse_headers
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec

from tta_gateway.features.escalation.algorithm import incident_of
from tta_gateway.features.escalation.drill import SAID, Door
from tta_gateway.features.escalation.public import PATH, TOKEN
from tta_gateway.kernel.drill import report_of
from tta_gateway.node import line_socket
from tta_gateway.node.drilling import FOLDER
from tta_gateway.node.line_socket import PATIENCE, Told
from tta_gateway.support.clock import SystemClock

_ANSWERED: Final = 10.0  # seconds
_FROM_A_PROXY: Final = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
"""What a proxy says that speaks for itself (PROXY protocol 2, LOCAL)."""
_STEP: Final = re.compile(r'(\w+);desc="([^"]*)";dur=([\d.]+)')
_NO_ANSWER: Final = (
    *(OSError, EOFError, ValueError, LookupError, HTTPException, asyncio.LimitOverrunError),
)
_TAKEN: Final = (200, 202)  # 202: it was refused, and kept as a message of somebody in need is


class Failure(Exception):
    """The step at which a drill ends, and why."""

    def __init__(self, step: str, why: str) -> None:
        super().__init__(why)
        self.step = step
        self.why = why


async def drilled(state: Path, question: Mapping[str, Any]) -> Told:
    """Take a drill to a worker of the node; return how far it has come, and its incident.

    OSError if no worker is there that could be told of it.
    """
    token = secrets.token_urlsafe(32)
    told = await _announced(state, {**question, "token": token})
    if not told:
        raise OSError(f"no worker takes drills in the state folder {state}")
    way = _Way(SystemClock().monotonic)
    try:
        await way.gone(_doors_of(told), token, question["level"])
    except Failure as end:
        return {"steps": way.steps, "failed": {"step": end.step, "why": end.why}}
    finally:
        await _announced(state, {**question, "token": token, "is_over": True})
    return {"steps": way.steps, "incident": incident_of(report_of(question["id"]))}


def _doors_of(told: list[Told]) -> list[Door]:
    """Return where workers are, all of which have to know of the drill."""
    for one in told:
        if "failed" in one:
            raise Failure(one["failed"]["step"], one["failed"]["why"])
    return msgspec.convert(told[0]["doors"], list[Door])


async def _announced(state: Path, order: Mapping[str, Any]) -> list[Told]:
    """Tell all workers of a drill, and return what those say that answer."""
    paths = list((state / FOLDER).glob("*"))
    answers = await asyncio.gather(*(_told(path, order) for path in paths))
    return [one for one in answers if one is not None]


async def _told(path: Path, order: Mapping[str, Any]) -> Told | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await line_socket.asked(path, order)
    except OSError:
        return None  # it has died, and left that behind; or it stands still


class _Way:
    """The way of a drill, step by step."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.steps: list[Told] = []
        self._now = now
        self._began = now()

    def _step(self, name: str, said: str, at: float) -> None:
        self.steps.append({"step": name, "said": said, "ms": (at - self._began) * 1000.0})

    async def gone(self, doors: list[Door], token: str, level: int) -> None:
        """Bring it to a worker; Failure says where it ends."""
        if not doors:
            raise Failure("listener", "none lets in who is on this machine and has no certificate")
        door = doors[0]
        reader, writer = await _connected(door)
        try:
            begun = self._now()
            self._step("listener", f"{door}", begun)
            writer.write(_request(door, token, level))
            status, fields = await _answer(reader)
        finally:
            writer.transport.abort()
        self._judge(status, fields, begun, level)

    def _judge(self, status: int, fields: Mapping[str, str], begun: float, level: int) -> None:
        if status not in _TAKEN:
            raise Failure("worker", f"it answers {status}: see its log")
        passed = dict[str, str]()
        for name, said, milliseconds in _STEP.findall(fields.get("server-timing", "")):
            passed[name] = said
            if name != "detector" or _level_in(said) >= level:
                self._step(name, said, begun + float(milliseconds) / 1000.0)
        found = _level_in(passed.get("detector", ""))
        if found < level:
            raise Failure("detector", f"it finds level {found} in a message of level {level}")
        if "journal" not in passed:
            raise Failure("journal", "it takes no record: see the log of the gateway")
        if "x-crisis-support" not in fields:
            raise Failure("answer", "it does not say where help is")
        self._step("answer", "says where help is", self._now())


async def _connected(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(PATIENCE):
            if door.unix:
                reader, writer = await asyncio.open_unix_connection(door.unix)
            else:
                reader, writer = await asyncio.open_connection(door.host, door.port)
            if door.proxied:
                writer.write(_FROM_A_PROXY)
            if door.tls:
                await writer.start_tls(_trusting(), server_hostname="localhost")
            return reader, writer
    except OSError as error:
        raise Failure("listener", f"{door} does not answer: {error}") from error


def _trusting() -> ssl.SSLContext:
    """Return TLS that believes whoever is there: it is an address of ours, on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _request(door: Door, token: str, level: int) -> bytes:
    body = msgspec.json.encode({"message": SAID[level]})
    lines = (
        f"POST {PATH} HTTP/1.1",
        f"Host: {door.host or 'localhost'}" if ":" not in door.host else f"Host: [{door.host}]",
        f"{TOKEN.decode()}: {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "\r\n",
    )
    return "\r\n".join(lines).encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str]]:
    """Return the status and the fields, by their names in small letters."""
    try:
        async with asyncio.timeout(_ANSWERED):
            head = await reader.readuntil(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        fields = parse_headers(BytesIO(rest))
        return int(line.split()[1]), {name.lower(): said for name, said in fields.items()}
    except _NO_ANSWER as error:
        why = type(error).__name__
        raise Failure("worker", f"it does not answer as it should: {why}") from error


def _level_in(said: str) -> int:
    """Return the level that a step of the detector says."""
    return int(said.split()[1]) if said else 0
