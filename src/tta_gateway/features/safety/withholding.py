"""A streamed answer on its way to the client: looked at first, then shown.

Each part is looked at together with what came before it, and is passed on when its words are whole.
If it is harmful, neither it nor anything behind it is shown: a safe text ends the answer.  Long
parts are looked at a slice in a turn of the loop; meanwhile the service is not read.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from tta_gateway.features.safety.decoding import Truncated
from tta_gateway.features.safety.looking import AT_ONCE, Judge
from tta_gateway.features.safety.parts import HELD, Part, Parts
from tta_gateway.features.safety.running import Running
from tta_gateway.kernel.exchange import Exchange, Sink
from tta_gateway.kernel.message import NO_FIELDS, Fields
from tta_gateway.kernel.verdict import HIGH, Verdict

BEHIND: Final = 64 * 1024
"""Bytes that wait to be looked at, from which on the service is not read."""
TURN: Final = 2000
"""Characters that are looked at in one turn of the loop; fewer where they take long."""
_EACH: Final = 32  # characters that a part, or a text, counts as beside what is in it
_MEMBERS: Final = 64  # texts that go on at a time
_PARTS: Final = 64  # that are held back for the end of a word


class Ending:
    """How an answer ends in the place of what is harmful.

    `safe` gives what is sent behind these last bytes; `found` hears of what was found, `fault` of
    what of ours kept a part from being looked at.  One that has not come whole is broken off.
    """

    def __init__(
        self,
        safe: Callable[[bytes], bytes],
        *,
        found: Callable[[Verdict, str], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        """End like this."""
        self.safe = safe
        self.found = found
        self.fault = fault


class Turns:
    """Turns of the loop: `later` calls something in one of its own.

    `clock` tells the seconds of the processor that this thread has had.
    """

    __slots__ = ("clock", "later")

    def __init__(
        self, later: Callable[[Callable[[], None]], object], clock: Callable[[], float]
    ) -> None:
        """Take turns like this."""
        self.later = later
        self.clock = clock


class Withholding:
    """The sink that a streamed answer passes."""

    def __init__(
        self,
        exchange: Exchange,
        sink: Sink,
        *,
        parts: Parts,
        judge: Judge,
        turns: Turns,
        ending: Ending,
    ) -> None:
        """Pass on to this sink."""
        self._exchange = exchange
        self._sink = sink
        self._parts = parts
        self._judge = judge
        self._turns = turns
        self._ending = ending
        self._queue: deque[bytes] = deque()
        self._size = 0  # of the queue
        self._behind = False
        self._trailers: Fields | None = None
        self._texts: dict[str, Running] = {}
        self._pending: list[bytes] = []  # parts that are not shown yet
        self._whole = 0  # of them end where words do
        self._open = 0  # characters of those behind
        self._new = 0  # characters that have not been looked at
        self._steps: Iterator[None] | None = None
        self._waits = False  # for a turn
        self._has_turn = False
        self._looked = 0  # characters in this turn
        self._until = 0.0  # by when it has been long enough
        self._last = b""  # bytes that were shown
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
        """Do what can be done in this turn; however many parts come in it, no more than a slice."""
        if not self._waits:
            if not self._has_turn:
                self._until = self._turns.clock() + AT_ONCE
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - what nobody has looked at is not shown
                self._fault(error)
            if self._looked and not self._has_turn:
                self._has_turn = True
                self._turns.later(self._turn)
        self._mind_the_pace()

    def _step(self) -> None:
        if self._steps is None:
            self._steps = self._work()
        for _ in self._steps:
            self._waits = True
            return
        self._steps = None

    def _turn(self) -> None:
        self._has_turn = False
        self._looked = 0
        exchange = self._exchange
        if not self._waits or self._over or exchange.aborted or exchange.finished:
            return
        self._waits = False
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
        taken = 0
        while self._queue:
            data = self._queue.popleft()
            taken += len(data)
            yield from self._take(data)
            if not self._over and self._queue and self._new < TURN:
                continue  # what has come together is looked at together
            yield from self._show()
            if self._over:
                return
            self._size -= taken
            taken = 0
        if self._trailers is None:
            return
        for part in self._parts.rest():
            self._add(part)
        self._whole = len(self._pending)
        yield from self._show()
        if not self._over:
            self._over = True
            self._sink.send_end(self._trailers)

    def _take(self, data: bytes) -> Iterator[None]:
        """Take apart what has come; of much, what is enough for a turn is shown meanwhile."""
        for part in self._parts.feed(data):
            self._add(part)
            self._looked += _EACH + _EACH * len(part.said) // 4
            if self._looked > TURN:
                yield
            if self._new >= TURN:
                yield from self._show()
                if self._over:
                    return

    def _add(self, part: Part) -> None:
        """Take a part, and note how many are whole words by now."""
        pending = self._pending
        pending.append(part.data)
        if not part.said:
            if self._whole == len(pending) - 1:
                self._whole += 1
            return
        is_closed, size = True, 0
        for path, said in part.said:
            is_closed = self._text(path).add(said) and is_closed
            size += len(said)
        self._new += size
        self._open += size
        is_open = any(text.is_open for text in self._texts.values())
        if is_open and is_closed:
            # What came before is whole words now; this part ends within one.
            self._whole, self._open = len(pending) - 1, size
        if not is_open or self._open > HELD or len(pending) - self._whole > _PARTS:
            self._whole, self._open = len(pending), 0

    def _text(self, path: str) -> Running:
        found = self._texts.get(path)
        if found is None:
            if len(self._texts) >= _MEMBERS:
                path = "*"
            found = self._texts.setdefault(path, Running())
        return found

    def _show(self) -> Iterator[None]:
        """Look at what is new, and pass on what ends where words do."""
        if not self._whole:
            return
        yield from self._look()
        if self._over:
            return
        shown, self._pending = self._pending[: self._whole], self._pending[self._whole :]
        self._whole = 0
        data = b"".join(shown)
        self._last = data[-4:]
        self._sink.send_data(data)

    def _look(self) -> Iterator[None]:
        self._new = 0
        for text in self._texts.values():
            for piece in text.pieces():
                if self._looked and self._is_enough(len(piece)):
                    yield
                self._looked += _EACH + len(piece)
                found = self._judge(piece)
                if found.level >= HIGH:
                    self._end(found, piece)
                    return

    def _is_enough(self, size: int) -> bool:
        """Tell whether so much more is too much for this turn: made-up text may take long."""
        return self._looked + size > TURN or self._turns.clock() >= self._until

    def _end(self, found: Verdict, piece: str) -> None:
        """Show nothing more, but what is safe."""
        self._over = True
        self._ending.found(found, piece)
        self._close()

    def _fault(self, error: BaseException) -> None:
        """Show nothing more either, after a fault of ours; or of a service's that breaks off."""
        self._ending.fault(error)
        if self._over or isinstance(error, Truncated):
            self._over = True
            self._sink.abort()
            return
        self._over = True
        self._close()

    def _close(self) -> None:
        self._queue.clear()
        self._pending, self._whole = [], 0
        attempt = self._exchange.attempt
        if attempt is not None:
            attempt.cancel()
        self._sink.send_data(self._ending.safe(self._last))
        self._sink.send_end()
