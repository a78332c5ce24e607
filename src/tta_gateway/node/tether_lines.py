"""Lines between the workers of a node, over which one takes up the tether of another's client.

Each worker listens at a socket of its own in a folder of the state folder, which nobody else may
enter.  Who looks for a tether asks the others one after the other; most of the time there are few.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, cast

import msgspec

from tta_gateway.features.tether.relay import ASK, TAKEN, UNKNOWN, Ask, Line
from tta_gateway.node.near import listening
from tta_gateway.support.tasks import spawn

_FOLDER: Final = "tethers"
_UNHEARD: Final = "."  # before the name of a socket that nobody listens at yet
_PRIVATE: Final = 0o700
_PATIENCE: Final = 1.0  # seconds for a neighbour to answer
_HEAD: Final = 9  # bytes: a length of four, a kind of one, a number of four
_MOST: Final = 4 * 1024 * 1024  # bytes of a frame
Take = Callable[[Ask, Line], bool]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Ask).decode


class Stream(asyncio.Protocol):
    """A line, by a stream of bytes."""

    def __init__(self, began: Callable[["Stream"], None]) -> None:
        """Wait to be connected."""
        self.hear: Callable[[int, int, bytes], None] = _nothing
        self.lost: Callable[[], None] = _nobody
        self.full: Callable[[bool], None] = _nobody_cares
        self._began = began
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._is_paused = False

    @property
    def is_over(self) -> bool:
        """Tell whether it is connected no more."""
        return self._transport is None

    # What the loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._began(self)

    def data_received(self, data: bytes) -> None:
        """Take frames."""
        self._data += data
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell that nothing follows."""
        self._transport = None
        lost = self.lost
        self._forget()
        lost()

    def pause_writing(self) -> None:
        """Tell that the other side does not keep up."""
        self.full(True)

    def resume_writing(self) -> None:
        """Tell that it does again."""
        self.full(False)

    def _go_on(self) -> None:
        data = self._data
        while len(data) >= _HEAD and not self._is_paused:
            length = int.from_bytes(data[:4], "big")
            if length > _MOST:
                self.abort()
                return
            if len(data) < _HEAD + length:
                return
            kind, number = data[4], int.from_bytes(data[5:_HEAD], "big")
            payload = bytes(data[_HEAD : _HEAD + length])
            del data[: _HEAD + length]
            self.hear(kind, number, payload)

    # What its user says

    def send(self, kind: int, number: int = 0, payload: bytes = b"") -> None:
        """Send a frame."""
        if self._transport is not None and not self._transport.is_closing():
            head = len(payload).to_bytes(4, "big") + bytes((kind,)) + number.to_bytes(4, "big")
            self._transport.write(head + payload)

    def pause(self) -> None:
        """Hear nothing for a while."""
        self._is_paused = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Hear again."""
        if self._is_paused:
            self._is_paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
            self._go_on()

    def end(self) -> None:
        """End it, behind what has been sent."""
        self._forget()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Break it off."""
        if self._transport is not None:
            self._transport.abort()

    def _forget(self) -> None:
        self.hear, self.lost, self.full = _nothing, _nobody, _nobody_cares


class TetherLines:
    """One worker's, to and from the others; `take` takes clients that have come to them."""

    def __init__(self, take: Take, died: Callable[[str, BaseException], None]) -> None:
        """Begin alone."""
        self._take = take
        self._died = died
        self._folder = -1
        self._own = str(os.getpid())
        self._server: asyncio.Server | None = None

    def open(self, state: Path) -> None:
        """Begin to listen; OSError if the folder cannot be had."""
        folder = state / _FOLDER
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        spawn(self._listen(), name="tether lines", died=self._died)

    def close(self) -> None:
        """Be there no more for the others."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._bury(self._own)
            os.close(self._folder)
            self._folder = -1

    async def _listen(self) -> None:
        unheard = _UNHEARD + self._own  # nobody is there yet, and nobody is to bury it
        self._bury(self._own)  # of one that had this number before
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Stream(self._came), sock=listening(Path(self._path(unheard)))
        )
        os.rename(self._path(unheard), self._path(self._own))  # noqa: PTH104 - likewise

    def _came(self, line: Stream) -> None:
        line.hear = partial(self._asked, line)

    def _asked(self, line: Stream, kind: int, number: int, payload: bytes) -> None:  # noqa: ARG002
        """Take the client that a neighbour asks for, or say that nobody knows it."""
        ask: Ask | None = None
        with suppress(msgspec.DecodeError):
            ask = _decode(payload) if kind == ASK else None
        if ask is None or not self._take(ask, line):
            line.send(UNKNOWN)
            line.end()

    # Asking

    def seek(self, ask: Ask, told: Callable[[Line | None], None]) -> bool:
        """Ask the others; False where there are none."""
        others = self._others()
        if not others:
            return False
        spawn(self._seek(others, _encode(ask), told), name="tether", died=self._died)
        return True

    def _others(self) -> list[str]:
        if self._folder < 0:
            return []
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - by the folder's descriptor
        except OSError:  # no descriptor is left, which it needs for a moment
            return []
        return [one for one in names if one != self._own and not one.startswith(_UNHEARD)]

    async def _seek(
        self, others: list[str], asked: bytes, told: Callable[[Line | None], None]
    ) -> None:
        found: Line | None = None
        try:
            for one in others:
                found = await self._ask(one, asked)
                if found is not None:
                    break
        finally:
            told(found)

    async def _ask(self, other: str, asked: bytes) -> Line | None:
        """Ask one; return the line to it, held, if it has the tether."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        line = Stream(_as_it_is)

        def hear(kind: int, number: int, payload: bytes) -> None:  # noqa: ARG001 - a port
            line.pause()  # what follows is for whoever goes on with it
            if not answer.done():
                answer.set_result(kind)

        def lost() -> None:
            if not answer.done():
                answer.set_result(UNKNOWN)

        line.hear, line.lost = hear, lost
        try:
            async with asyncio.timeout(_PATIENCE):
                await loop.create_unix_connection(lambda: line, self._path(other))
                line.send(ASK, 0, asked)
                kind = await answer
        except (ConnectionRefusedError, FileNotFoundError):
            self._bury(other)
            return None
        except OSError:  # no answer in time (TimeoutError), or no descriptor
            line.end()
            return None
        if kind == TAKEN and not line.is_over:
            return line
        line.end()
        return None

    def _path(self, name: str) -> str:
        return f"/proc/self/fd/{self._folder}/{name}"

    def _bury(self, name: str) -> None:
        """Take away a socket whose worker has ended without doing so."""
        with suppress(OSError):
            os.unlink(self._path(name))  # noqa: PTH108 - likewise


def _nothing(kind: int, number: int, payload: bytes) -> None:
    """Hear nothing."""


def _nobody() -> None:
    """Tell nobody."""


def _nobody_cares(is_full: bool) -> None:
    """Tell nobody."""


def _as_it_is(line: Stream) -> None:
    """Leave it as it is."""
