"""One direction of a leg: messages that policies look at, one after the other."""

from collections import deque
from collections.abc import Callable
from typing import Final

from tta_gateway.kernel.said import Hearing, Need
from tta_gateway.pipeline.conversation import Passage

MANY: Final = 16
"""Messages that wait behind one that is looked at, from which on their source is held back."""
Deliver = Callable[[bytes, bool, Need | None], None]


class Passing:
    """Passes on what policies let through; `held` hears whether the source is to be held back.

    `stopped` hears each that is not, as it had come.
    """

    __slots__ = (
        "_deliver",
        "_held",
        "_is_held",
        "_is_looking",
        "_looked_at",
        "_passage",
        "_stopped",
        "_then",
        "_waiting",
    )

    def __init__(
        self,
        passage: Passage,
        deliver: Deliver,
        held: Callable[[bool], None],
        stopped: Callable[[bytes], None],
    ) -> None:
        """Ask by this passage, and deliver there."""
        self._passage = passage
        self._deliver = deliver
        self._held = held
        self._stopped = stopped
        self._looked_at = b""
        self._then: Callable[[], None] | None = None
        self._waiting: deque[tuple[bytes, bool, Hearing | None]] = deque()
        self._is_looking = False
        self._is_held = False
        passage.decided = self._decided

    def put(self, payload: bytes, *, is_text: bool, hearing: Hearing | None = None) -> None:
        """Take a message; `hearing`: it has waited elsewhere, and was listened to there."""
        if self._passage.is_open:
            self._deliver(payload, is_text, None)
            return
        # What is not heard to its end is looked at again: nothing passes before it is known.
        heard = hearing if hearing is not None and hearing.is_done else None
        self._waiting.append((payload, is_text, heard))
        self._go_on()

    def clear(self) -> None:
        """Take nothing more: it is over."""
        self._waiting.clear()
        self._then = None

    def behind_all(self, then: Callable[[], None]) -> None:
        """Call this when all that has come is decided; at once, if it is."""
        self._then = then
        self._end_if_done()

    def _end_if_done(self) -> None:
        then = self._then
        if then is not None and not self._is_looking and not self._waiting:
            self._then = None
            then()

    def _go_on(self) -> None:
        waiting = self._waiting
        while waiting and not self._is_looking:
            payload, is_text, heard = waiting.popleft()
            self._is_looking = True
            self._looked_at = payload
            if self._passage.look(payload, is_text=is_text, heard=heard):
                self._is_looking = False
                self._pass_on()
        is_held = len(waiting) >= MANY
        if is_held != self._is_held:
            self._is_held = is_held
            self._held(is_held)

    def _decided(self) -> None:
        self._is_looking = False
        self._pass_on()
        self._go_on()
        self._end_if_done()

    def _pass_on(self) -> None:
        said = self._passage.passes
        came, self._looked_at = self._looked_at, b""
        if said is None:
            self._stopped(came)
        else:
            self._deliver(said.data, said.is_text, said.need)
