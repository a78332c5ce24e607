"""A streamed answer on its way to the client: looked at first, then shown.

Each part is looked at together with what came before it, and is passed on when its words are whole.
If it is harmful, neither it nor anything behind it is shown: a safe text ends the answer.  Long
parts are looked at a slice in a turn of the loop; meanwhile the service is not read.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from tta_gateway.features.safety.looking import Judge
from tta_gateway.features.safety.parts import HELD, Part, Parts
from tta_gateway.features.safety.running import Running
from tta_gateway.kernel.exchange import Exchange, Sink
from tta_gateway.kernel.message import NO_FIELDS, Fields
from tta_gateway.kernel.verdict import HIGH, Verdict

BEHIND: Final = 64 * 1024
"""Bytes that wait to be looked at, from which on the service is not read."""
_MEMBERS: Final = 64  # texts that go on at a time
_PARTS: Final = 64  # that are held back for the end of a word


class Ending:
    """How an answer ends in the place of what is harmful.

    `safe` is what is sent, or None where the answer can only be cut; `found` hears of it.
    """

    def __init__(
        self, safe: Callable[[], bytes] | None, found: Callable[[Verdict, str], None]
    ) -> None:
        """End like this."""
        self.safe = safe
        self.found = found


class Withholding:
    """The sink that a streamed answer passes."""

    def __init__(
        self,
        exchange: Exchange,
        sink: Sink,
        *,
        parts: Parts,
        judge: Judge,
        later: Callable[[Callable[[], None]], object],
        ending: Ending,
    ) -> None:
        """Pass on to this sink; `later` calls something in a turn of its own."""
        self._exchange = exchange
        self._sink = sink
        self._parts = parts
        self._judge = judge
        self._later = later
        self._ending = ending
        self._queue: deque[bytes] = deque()
        self._size = 0  # of the queue
        self._behind = False
        self._trailers: Fields | None = None
        self._texts: dict[str, Running] = {}
        self._held: list[bytes] = []
        self._held_size = 0  # characters
        self._steps: Iterator[None] | None = None
        self._waits = False  # for a turn
        self._looked = 0  # slices in this turn
        self._over = False

    # What the answer brings

    def send_data(self, data: bytes) -> None:
        """Take a part of the body."""
        if self._over:
            return
        self._queue.append(data)
        self._size += len(data)
        self._go_on()

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """Take the end of the body."""
        if not self._over:
            self._trailers = trailers
            self._go_on()

    def abort(self) -> None:
        """Break off: what is held back is not shown."""
        self._over = True
        self._sink.abort()

    # In turns of the loop

    def _go_on(self) -> None:
        """Do what can be done in this turn."""
        if self._waits:
            self._mind_the_pace()
            return
        self._looked = 0
        if self._steps is None:
            self._steps = self._work()
        for _ in self._steps:
            self._waits = True
            self._later(self._turn)
            self._mind_the_pace()
            return
        self._steps = None
        self._mind_the_pace()

    def _turn(self) -> None:
        self._waits = False
        exchange = self._exchange
        if self._over or exchange.aborted or exchange.finished:
            return
        self._go_on()
        exchange.origin.flush()

    def _mind_the_pace(self) -> None:
        """Have the service wait while more waits here than is good."""
        attempt = self._exchange.attempt
        if attempt is None or self._over:
            return
        if self._behind:
            if not self._size:
                self._behind = False
                attempt.catch_up()
        elif self._size > BEHIND:
            self._behind = True
            attempt.fall_behind()

    def _work(self) -> Iterator[None]:
        """Look, and pass on; yield when a turn has been long enough."""
        while self._queue:
            data = self._queue.popleft()
            for part in self._parts.feed(data):
                yield from self._take(part)
                if self._over:
                    return
            self._size -= len(data)
        if self._trailers is None:
            return
        for part in self._parts.rest():
            yield from self._take(part)
        yield from self._look()
        if not self._over:
            self._release()
            self._over = True
            self._sink.send_end(self._trailers)

    def _take(self, part: Part) -> Iterator[None]:
        """Take a part; pass on what is whole words with it."""
        if not part.said:
            self._pass_on(part)
            return
        is_closed, size = True, 0
        for path, said in part.said:
            is_closed = self._text(path).add(said) and is_closed
            size += len(said)
        is_open = any(text.is_open for text in self._texts.values())
        if is_open and not is_closed and self._has_room(size):
            self._hold(part, size)
            return
        yield from self._look()
        if self._over:
            return
        self._release()
        if is_open and self._has_room(size):
            self._hold(part, size)  # what came before is whole words now; this ends within one
        else:
            self._sink.send_data(part.data)

    def _pass_on(self, part: Part) -> None:
        """Pass on what says nothing, in its place."""
        if self._held:
            self._held.append(part.data)
        else:
            self._sink.send_data(part.data)

    def _has_room(self, size: int) -> bool:
        return self._held_size + size <= HELD and len(self._held) < _PARTS

    def _text(self, path: str) -> Running:
        found = self._texts.get(path)
        if found is None:
            if len(self._texts) >= _MEMBERS:
                path = "*"
            found = self._texts.setdefault(path, Running())
        return found

    def _hold(self, part: Part, size: int) -> None:
        self._held.append(part.data)
        self._held_size += size

    def _release(self) -> None:
        """Pass on what was held back: it has been looked at."""
        held, self._held, self._held_size = self._held, [], 0
        if held:
            self._sink.send_data(b"".join(held))

    def _look(self) -> Iterator[None]:
        """Look at what is new."""
        for text in self._texts.values():
            for piece in text.pieces():
                if self._looked:
                    yield
                    self._looked = 0
                self._looked += 1
                found = self._judge(piece)
                if found.level >= HIGH:
                    self._end(found, piece)
                    return

    def _end(self, found: Verdict, piece: str) -> None:
        """Show nothing more, but what is safe."""
        self._over = True
        self._queue.clear()
        self._held = []
        self._ending.found(found, piece)
        attempt = self._exchange.attempt
        if attempt is not None:
            attempt.cancel()
        if self._ending.safe is None:
            self._sink.abort()
            return
        self._sink.send_data(self._ending.safe())
        self._sink.send_end()
