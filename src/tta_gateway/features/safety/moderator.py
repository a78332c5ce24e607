"""A moderator outside: any server that speaks OpenAI's `/v1/moderations` is asked as well.

It is asked behind the path: nobody's message, and no answer, waits for it.  What it says can raise
the level of what was found, and never lowers it.  So much may wait and no more, and a server that
fails again and again is left alone for a while: what it is not asked about is counted, and judged
by the gateway's own eyes as ever.  What somebody has written leaves the house by this.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias, get_args

import msgspec
from msgspec.structs import replace

from tta_gateway.features.safety.bound import ModeratorBound
from tta_gateway.features.safety.metrics import MODERATED
from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT, NONE, Category, Verdict
from tta_gateway.support.metrics import Registry

LARGEST: Final = 8 * 1024
"""Characters of a text that it is shown, around what was found."""
WAITING: Final = 128
"""texts that wait for it"""
AT_ONCE: Final = 4
"""questions at a time"""
FAILURES: Final = 5
"""of them in a row, after which it is left alone for a while"""
PAUSE: Final = 30.0
"""seconds"""
_MEANS: Final[dict[str, tuple[int, Category]]] = {
    "self-harm/intent": (HIGH, "suicide"),
    "self-harm": (ELEVATED, "self_harm"),
    "self-harm/instructions": (ELEVATED, "self_harm"),
    "harassment/threatening": (ELEVATED, "violence"),
    "violence": (ELEVATED, "violence"),
}
"""What a category that it flags comes to, in what a person writes."""
_KNOWN: Final[tuple[Category, ...]] = get_args(Category)

Then: TypeAlias = Callable[[Verdict], Awaitable[None]]
"""What follows from a level that has risen."""
Moderate: TypeAlias = Callable[[Verdict, str, Then], None]
"""Has a text judged of which this was found, and something done if that is raised."""


class Unanswered(Exception):
    """The moderator has not answered, or nothing that can be read: why, in words."""


class Asks(Protocol):
    """The way to a moderator."""

    async def ask(self, bound: ModeratorBound, body: bytes) -> bytes:
        """Return its answer to a question in JSON; Unanswered."""


class _Result(msgspec.Struct):
    categories: dict[str, bool | None] = {}
    x_person: int | None = None
    x_categories: tuple[str, ...] = ()


class _Answer(msgspec.Struct):
    results: tuple[_Result, ...]


_read: Final = msgspec.json.Decoder(_Answer).decode
_written: Final = msgspec.json.Encoder().encode


def nobody(found: Verdict, text: str, then: Then) -> None:
    """Ask no moderator: there is none."""


class Moderator:
    """Asks for a worker."""

    def __init__(
        self,
        asks: Asks,
        *,
        clock: Callable[[], float],
        registry: Registry,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """Ask this way, as soon as `bound` says whom."""
        self.bound: ModeratorBound | None = None
        self._asks = asks
        self._clock = clock
        self._registry = registry
        self._spawn = spawn
        self._waiting: deque[tuple[Verdict, str, Then]] = deque()
        self._busy = 0
        self._failures = 0
        self._until = 0.0  # when it is asked again

    def moderate(self, found: Verdict, text: str, then: Then) -> None:
        """Have a text judged, later; `then` is done if it is graver than what was found."""
        if self.bound is None or found.level >= IMMINENT or not text.strip():
            return
        if self._clock() < self._until:
            self._count("left_alone")
            return
        if len(self._waiting) >= WAITING:
            self._count("dropped")
            return
        self._waiting.append((found, text, then))
        if self._busy < AT_ONCE:
            self._busy += 1
            self._spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._judge(*self._waiting.popleft())
        finally:
            self._busy -= 1

    async def _judge(self, found: Verdict, text: str, then: Then) -> None:
        bound = self.bound
        if bound is None or self._clock() < self._until:
            self._count("left_alone")
            return
        asked = {"input": text, **({"model": bound.model} if bound.model else {})}
        try:
            said = judged(await self._asks.ask(bound, _written(asked)))
        except Unanswered:
            self._failed()
            return
        self._failures = 0
        raised = graver(found, said)
        self._count("agreed" if raised is found else "raised")
        if raised is not found:
            await then(raised)

    def _failed(self) -> None:
        self._count("failed")
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._until = self._clock() + PAUSE

    def _count(self, outcome: str) -> None:
        self._registry.child(MODERATED, outcome).add()


def judged(body: bytes) -> Verdict:
    """Return what an answer comes to; Unanswered if it makes no sense."""
    try:
        results = _read(body).results
    except msgspec.DecodeError as error:
        raise Unanswered(f"its answer is not one of a moderator: {error}") from None
    if not results:
        raise Unanswered("its answer holds no result")
    found = results[0]
    if found.x_person is not None:  # a gateway of ours: it knows what a person at risk writes
        level = min(max(found.x_person, NONE), IMMINENT)
        categories = tuple(one for one in _KNOWN if one in found.x_categories)
        return Verdict(level, categories, ("moderator",))
    hit = [name for name in _MEANS if found.categories.get(name)]
    level = max((_MEANS[name][0] for name in hit), default=NONE)
    categories = tuple(dict.fromkeys(_MEANS[name][1] for name in hit))
    return Verdict(level, categories, tuple(f"moderator:{name}" for name in hit))


def graver(found: Verdict, said: Verdict) -> Verdict:
    """Return what was found, raised to what the moderator says; the same if that is no graver."""
    if said.level <= found.level:
        return found
    return replace(
        found,
        level=said.level,
        categories=tuple(dict.fromkeys((*said.categories, *found.categories))),
        rules=(*found.rules, *said.rules),
    )
