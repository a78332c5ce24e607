"""Drilling: a worker takes a marked message as it takes one of somebody in need.

It is listened to, sealed and written into the journal by the worker's own parts, which the guard
reads as ever.  Whoever may open the worker's socket in the state folder is the operator, or
control; they are told how far it has come.  Neither the care team's channel nor a moderator outside
hears of a drill, no service gets it, and it counts in no figure of what people say.
"""

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tta_gateway.features.escalation.algorithm import incident_id
from tta_gateway.features.escalation.drill import MARK, SAID, Drill, report_of
from tta_gateway.kernel.incident import Report, Reports
from tta_gateway.kernel.listening import Heard, Listener, Place, Speaker
from tta_gateway.node import line_socket
from tta_gateway.node.line_socket import PATIENCE, Told
from tta_gateway.support.clock import Clock
from tta_gateway.support.log import EventLog

FOLDER: Final = "drills"
"""Where workers have their sockets, in the state folder."""
_PRIVATE: Final = 0o700
_DURABLE: Final = 2.0  # seconds until a record is on the disk, or counts as lost
_PLACE: Final = Place("", "", is_drill=True)
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Drill).decode


class Drilling:
    """The drills of a worker."""

    def __init__(
        self, listener: Listener, reports: Reports, *, clock: Clock, log: EventLog
    ) -> None:
        """Have messages heard and kept by these; nobody can ask for it yet."""
        self._listener = listener
        self._reports = reports
        self._clock = clock
        self._log = log
        self._server: asyncio.Server | None = None
        self._path = Path()

    async def open(self, state: Path, number: int) -> None:
        """Take drills at the socket of this number, which no other process has; or say why not."""
        self._path = state / FOLDER / str(number)
        try:
            self._path.parent.mkdir(mode=_PRIVATE, exist_ok=True)
            self._server = await line_socket.serve(self._path, self._answer)
        except OSError as error:
            self._log.event("drills_not_taken", error=str(error))

    def close(self) -> None:
        """Take none any more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
            self._server = None

    async def _answer(self, line: bytes) -> bytes:
        try:
            drill = _decode(line)
            text = SAID[drill.level]
        except (msgspec.DecodeError, KeyError):
            return _encode(
                {"failed": {"step": "worker", "why": "it does not understand the drill"}}
            )
        return _encode(await self._drilled(drill, text))

    async def _drilled(self, drill: Drill, text: str) -> Told:
        """Return how far a drill has come, and the incident that the guard makes of it."""
        began, steps = self._clock.monotonic(), list[Told]()

        def step(name: str, said: str) -> None:
            milliseconds = (self._clock.monotonic() - began) * 1000.0
            steps.append({"step": name, "said": said, "ms": milliseconds})

        heard = await self._heard(drill, text)
        if heard.level < drill.level:
            why = f"it finds level {heard.level} in a message of level {drill.level}"
            return _failed("detector", why, steps)
        step("detector", f"level {heard.level} found")
        report = report_of(drill, heard.verdict, self._clock.wall())
        if not await self._is_kept(report, f"{MARK}{text}"):
            return _failed("journal", "it takes no record: see the log of the gateway", steps)
        step("journal", "durable")
        return {"steps": steps, "incident": incident_id(report)}

    async def _heard(self, drill: Drill, text: str) -> Heard:
        speaker = Speaker(
            drill.person,
            subject="",
            identity="verified",
            connection=drill.id,
            correlation=drill.id,
        )
        heard = self._listener.listen(speaker, _PLACE, text.encode())
        return heard if isinstance(heard, Heard) else await heard

    async def _is_kept(self, report: Report, text: str) -> bool:
        try:
            async with asyncio.timeout(_DURABLE):
                return await self._reports.put(report, text)
        except OSError as error:  # a time that is over is one, too
            self._log.event("drill_not_kept", error=type(error).__name__)
            return False


def _failed(step: str, why: str, steps: list[Told]) -> Told:
    return {"steps": steps, "failed": {"step": step, "why": why}}


async def drilled(state: Path, question: Mapping[str, Any]) -> Told:
    """Have a worker of the node take a drill; return how far it has come.

    Any that lives takes it; OSError if none does, or it does not answer.
    """
    paths = list((state / FOLDER).glob("*"))
    random.shuffle(paths)
    for path in paths:
        try:
            async with asyncio.timeout(PATIENCE):
                return await line_socket.asked(path, question)
        except (FileNotFoundError, ConnectionRefusedError):
            continue  # it has died, and left that behind
    raise OSError(f"no worker takes drills in the state folder {state}")
