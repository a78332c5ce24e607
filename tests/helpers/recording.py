"""What somebody was asked and answered, kept with the step of a play at which it came; played back.

An answer may go on for ever: each piece of it is kept with its own step.  A recorder stands between
who asks and who answers, so that what is kept is what has crossed the wire.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from tests.helpers.registry_server import Answering, Asked
from tta_gateway.support.http_client import HttpError, Origin, Request, Stream, begin, next_of

S = TypeVar("S")
_PATIENCE: Final = 330.0
_ASKED: Final = ("authorization", "accept")


@dataclass(frozen=True)
class Step(Generic[S]):
    """Something that happens to a server, and the endpoints that are told afterwards."""

    name: str
    happens: Callable[[S], None]
    places: tuple[str, ...]


@dataclass
class Exchange:
    """A question and its answer: when each part of that came, and how it ended."""

    target: str
    begun: int
    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    pieces: list[tuple[int, str]] = field(default_factory=list)
    ended: int | None = None  # None: not while it was recorded
    is_cut: bool = False

    @property
    def is_stream(self) -> bool:
        """Whether it is one that goes on and on, as the heads of such say."""
        return "/events?" in self.target or "watch=" in self.target


class Recorder:
    """Passes on what is asked, and keeps it with its answer; of the head these fields."""

    def __init__(self, origin: Origin, *, fields: tuple[str, ...]) -> None:
        self._origin = origin
        self._fields = fields
        self.step = 0
        self.kept: list[Exchange] = []
        self.may_watch = asyncio.Event()
        self.may_watch.set()

    async def serve(self, asked: Asked, answer: Answering) -> None:
        """Ask, and pass on what comes as it comes."""
        one = Exchange(asked.target, self.step)
        self.kept.append(one)
        if one.is_stream:
            await self.may_watch.wait()
            one.begun = self.step
        passed = tuple((name, asked.fields[name]) for name in _ASKED if name in asked.fields)
        request = Request(asked.target, method=asked.method, fields=passed)
        try:
            stream = await begin(self._origin, request, patience=_PATIENCE)
        except HttpError:
            one.is_cut, one.ended = True, self.step
            return
        try:
            await self._passed_on(stream, one, answer)
        finally:
            stream.close()

    async def _passed_on(self, stream: Stream, one: Exchange, answer: Answering) -> None:
        one.status = stream.status
        one.fields = {name: stream.fields[name] for name in self._fields if name in stream.fields}
        one.begun = self.step
        await answer.begin(status=one.status, **_named(one.fields))
        try:
            while piece := await next_of(stream, patience=_PATIENCE):
                one.pieces.append((self.step, piece.decode()))
                await answer.piece(piece)
        except HttpError:
            one.is_cut, one.ended = True, self.step
            return
        one.ended = self.step
        await answer.end()


class Player:
    """Answers as was recorded: each question with what was answered to that very one, at its step.

    Who lists again sooner or later than was recorded is told how things stand at this step.
    """

    def __init__(self, kept: list[Exchange]) -> None:
        self._moved = asyncio.Condition()
        self._kept: dict[str, list[Exchange]] = defaultdict(list)
        self._given: dict[str, int] = {}
        for one in kept:
            self._kept[one.target].append(one)
        self.step = 0
        self.asked: list[str] = []
        self.unexpected: list[str] = []

    async def go_on(self, step: int) -> None:
        """Let what was answered at this step be answered."""
        async with self._moved:
            self.step = step
            self._moved.notify_all()

    async def _at(self, step: int) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self.step >= step)

    async def serve(self, asked: Asked, answer: Answering) -> None:
        """Answer."""
        self.asked.append(asked.target)
        if asked.target not in self._kept:
            self.unexpected.append(asked.target)
            return
        one = self._next(asked.target)
        if one is None:
            await asyncio.Event().wait()  # as one that had not been asked by the end
        else:
            await self._told(one, answer)

    def _next(self, target: str) -> Exchange | None:
        kept = self._kept[target]
        at = self._given.get(target, -1) + 1
        if not kept[0].is_stream:
            now = max((one.begun for one in kept if one.begun <= self.step), default=0)
            first = next((n for n, one in enumerate(kept) if one.begun == now), 0)
            here = sum(one.begun == now for one in kept)
            at = min(max(at, first), first + max(here, 1) - 1)
        self._given[target] = at
        return kept[at] if at < len(kept) else None

    async def _told(self, one: Exchange, answer: Answering) -> None:
        await self._at(one.begun)
        if not one.status:
            return
        await answer.begin(status=one.status, **_named(one.fields))
        for step, piece in one.pieces:
            await self._at(step)
            await answer.piece(piece.encode())
        if one.ended is None:
            await asyncio.Event().wait()
        await self._at(one.ended or 0)
        if not one.is_cut:
            await answer.end()


def _named(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in fields.items()}


def written(path: Path, of: str, exchanges: dict[str, list[Exchange]]) -> None:
    """Keep a recording: exchanges by the name of what was played."""
    told = {name: [asdict(one) for one in ones] for name, ones in exchanges.items()}
    path.write_text(json.dumps({"recorded of": of, "exchanges": told}, indent=1) + "\n")


def recorded(path: Path) -> dict[str, list[Exchange]]:
    """Read a recording."""
    told: dict[str, Any] = json.loads(path.read_text())
    return {name: [Exchange(**one) for one in ones] for name, ones in told["exchanges"].items()}
