"""One request's body as it comes: what is kept of it, and what has been found in it so far."""

import asyncio
from collections.abc import Callable
from typing import Final

from tta_gateway.features.safety.body import WINDOW, Body
from tta_gateway.features.safety.looking import NOTHING, Judge, at_once, graver, look
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.verdict import Verdict

SHORT: Final = 1800
"""Bytes that are looked at in one turn of the loop."""


class Heard:
    """Hears an upload (kernel/upload.py); `then` is called once, when all of it has come.

    `told` is what has become of the report: None until that is known, or where there is none.
    """

    def __init__(self, body: Body) -> None:
        """Begin with nothing."""
        self.body = body
        self.found: Verdict = NOTHING
        self.text = ""
        """What was looked at last, of which `found` speaks."""
        self._came = 0  # bytes, as they came
        self.is_over = False
        self.is_looked_at = False
        """Whether all that has come, or will, has been looked at."""
        self.acted = self.counted = False
        self.then: Callable[[], object] | None = None
        self.fate: Fate = ""
        self._waiting: asyncio.Future[None] | None = None
        self._looking: asyncio.Future[None] | None = None
        self._telling: asyncio.Future[None] | None = None

    # What the upload brings

    def heard(self, data: bytes) -> None:
        """Take a part of the body."""
        self.body.take(data)
        self._came += len(data)
        if self._waiting is not None and self.is_enough:
            self._wake()

    @property
    def is_enough(self) -> bool:
        """Tell whether there is nothing to wait for: the upload itself holds no more than this."""
        return self.body.has_head or self._came >= WINDOW

    def heard_all(self) -> None:
        """Take the end of it."""
        self.is_over = True
        self._wake()
        then, self.then = self.then, None
        if then is not None:
            then()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def beginning(self, patience: float) -> None:
        """Wait for the window at the beginning, or for all, but not longer than so many seconds."""
        if self.is_over or self.is_enough:
            return
        self._waiting = waiting = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(patience):
                await waiting
        except TimeoutError:
            self._waiting = None

    # Looking

    async def look(self, judge: Judge) -> Verdict:
        """Look at what has come, a slice in each turn of the loop; return what is found in all.

        Whoever asks meanwhile waits for the same.
        """
        while self._looking is not None:
            await asyncio.shield(self._looking)
        if self.is_looked_at:
            return self.found
        self._looking = done = asyncio.get_running_loop().create_future()
        try:
            await self._look(judge)
        finally:
            self._looking = None
            if not done.done():
                done.set_result(None)
        return self.found

    async def _look(self, judge: Judge) -> None:
        is_all = self.is_over
        texts = [self.body.head()]
        if is_all:
            texts.append(self.body.tail())
        for text in filter(None, texts):
            found = NOTHING
            for number, so_far in enumerate(look(judge, text)):
                found = so_far
                if number:
                    await asyncio.sleep(0)
            if found.level >= self.found.level:
                self.text = text
            self.found = graver(found, self.found)
        self.is_looked_at = is_all

    def look_at_once(self, judge: Judge) -> bool:
        """Look at a short body that has come; False if it is too long for one turn."""
        if not self.is_over or self.body.size > SHORT:
            return False
        text = "\n".join(filter(None, (self.body.head(), self.body.tail())))
        self.found = graver(at_once(judge, text), self.found)
        self.text = text
        self.is_looked_at = True
        return True

    # Telling

    def tells(self) -> "asyncio.Future[None]":
        """Begin to tell; whoever has told sets the result."""
        self._telling = telling = asyncio.get_running_loop().create_future()
        return telling

    async def told(self, patience: float) -> None:
        """Wait until what was found has been told, but not longer than so many seconds."""
        if self._telling is None:
            return
        try:
            async with asyncio.timeout(patience):
                await asyncio.shield(self._telling)
        except TimeoutError:
            return
