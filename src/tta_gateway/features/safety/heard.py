"""One request's body as it comes: what is kept of it, and what has been found in it so far."""

import asyncio
from collections.abc import Callable
from typing import Final

from tta_gateway.features.safety.body import WINDOW, Body
from tta_gateway.features.safety.leaves import SLICE
from tta_gateway.features.safety.looking import (
    AT_ONCE,
    NOTHING,
    Judge,
    Watch,
    at_once,
    graver,
    in_a_turn,
    search,
)
from tta_gateway.features.safety.said import Said
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.verdict import Verdict

SHORT: Final = 500
"""Bytes that are looked at in one turn of the loop, whatever is in them: one slice."""
_END: Final = 2 * SLICE  # characters of which the end is looked at in any case


class Heard:
    """Hears an upload (kernel/upload.py); `then` is called once, when all of it has come.

    `told` is what has become of the report: None until that is known, or where there is none.
    """

    def __init__(self, body: Body) -> None:
        """Begin with nothing."""
        self.body = body
        self.found: Verdict = NOTHING
        self.said = Said()
        """What was looked at, of which `found` speaks."""
        self.watch: Watch | None = None
        self._has_seen_head = False
        self._came = 0  # bytes, as they came
        self.is_over = False
        self.is_looked_at = False
        """Whether all that has come, or will, has been looked at."""
        self.acted = self.counted = self.amended = False
        self.then: Callable[[], object] | None = None
        self.fate: Fate = ""
        self._waiting: asyncio.Future[None] | None = None
        self._looking: asyncio.Future[None] | None = None
        self._telling: asyncio.Future[None] | None = None

    # What the upload brings

    def heard(self, data: bytes) -> None:
        """Take a part of the body; whatever is in it, the upload goes on."""
        try:
            self.body.take(data)
        except Exception:  # noqa: BLE001 - it is counted as unseen
            self.body.unseen = "fault"
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

    async def look(self, judge: Judge, watch: Watch) -> Verdict:
        """Look at what has come, a little in each turn of the loop; return what is found in all.

        Whoever asks meanwhile waits for the same.
        """
        while self._looking is not None:
            await asyncio.shield(self._looking)
        if self.is_looked_at:
            return self.found
        self._looking = done = asyncio.get_running_loop().create_future()
        try:
            await self._look(judge, watch)
        finally:
            self._looking = None
            if not done.done():
                done.set_result(None)
        return self.found

    async def _look(self, judge: Judge, watch: Watch) -> None:
        is_all = self.is_over
        body = self.body
        if not self._has_seen_head:
            text = body.head()
            self._has_seen_head = is_all or body.has_head  # nothing changes it any more
            self.said = Said(text)
            self.said.at = max(0, await self._search(judge, text, watch))
        if is_all:
            text = body.tail()
            at = await self._search(judge, text, watch)
            self.said.add(text, at, gap=body.unseen == "middle")
        self.is_looked_at = is_all

    async def _search(self, judge: Judge, text: str, watch: Watch) -> int:
        """Look at a text; return where something graver stands than was known, -1 for nowhere.

        Once its time is over no more of it is looked at than its end.
        """
        before, where = self.found, -1
        watch.begin()
        for found, at in search(judge, text):
            if found.level > self.found.level:
                where = at
            self.found = graver(found, before)
            is_late = watch.step()
            if watch.is_over and len(text) > _END:
                self.body.unseen = self.body.unseen or "time"
                end = at_once(judge, text[-SLICE:])
                if end.level > self.found.level:
                    where = len(text) - SLICE
                self.found = graver(end, self.found)
                break
            if is_late:
                await asyncio.sleep(0)
                watch.begin()
        return where

    def look_at_once(self, judge: Judge, clock: Callable[[], float]) -> bool:
        """Look at a short body that has come; False if it takes too long for one turn."""
        if self.is_looked_at:
            return True
        if not self.is_over or self.body.size > SHORT:
            return False
        text = "\n".join(filter(None, (self.body.head(), self.body.tail())))
        found = in_a_turn(judge, (text,), clock=clock, end=clock() + AT_ONCE)
        if found is None:
            return False
        self.found = graver(found, self.found)
        self.said = Said(text)
        self.is_looked_at = True
        return True

    def let_go(self) -> None:
        """Keep nothing of what has been looked at: nobody needs it any more."""
        if self.is_looked_at and self._looking is None:
            self.body.let_go()
            self.said.text = ""

    def has_left(self) -> bool:
        """Take that nothing more comes; tell whether some of what has come is still to be seen."""
        self.then = None
        if self.is_looked_at or not self._came:
            return False
        self.is_over = True
        self._wake()
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
