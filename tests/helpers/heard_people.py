"""People who say things, somebody who listens, and where it is kept: without any socket."""

import asyncio
from collections.abc import Awaitable

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.safety.listener import Means, SafetyListener
from tta_gateway.kernel.events import SafetyRaised
from tta_gateway.kernel.incident import Report
from tta_gateway.kernel.listening import Heard, Judged, Place, Speaker
from tta_gateway.kernel.verdict import Category, Verdict
from tta_gateway.pipeline.budget import WINDOW
from tta_gateway.support.metrics import Registry

PLACE = Place("talks", "talker")
GREY, DARK, BLACK = "grey thoughts", "dark thoughts", "black now"
"""What the words of these tests come to: levels 1, 2 and 3."""
HARM = "a harmful thing"
"""What no service should say."""
_LEVELS = ((BLACK, 3), (DARK, 2), (GREY, 1))


class Words:
    """Finds the words above; with `fails`, nothing but trouble."""

    def __init__(self, clock: FakeClock) -> None:
        self.fails = False
        self.takes = 0.0
        """seconds to look at a piece"""
        self._clock = clock
        self.looked_at: list[str] = []

    def of_person(self, text: str) -> Verdict:
        return self._found(text, _LEVELS)

    def of_service(self, text: str) -> Verdict:
        return self._found(text, ((HARM, 2),))

    def _found(self, text: str, words: tuple[tuple[str, int], ...]) -> Verdict:
        if self.fails:
            raise ValueError
        self._clock.advance(self.takes)
        self.looked_at.append(text)
        for word, level in words:
            if word in text:
                about: tuple[Category, ...] = ("suicide",)
                return Verdict(level, about, (word,), "1", level / 4)
        return Verdict(version="1")


class People:
    """Somebody who listens by a clock of the tests; what is kept and told is written down."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.words = Words(self.clock)
        self.kept: list[tuple[Report, str]] = []
        self.keeps = True
        """whether the disk takes what is kept; None: it breaks"""
        self.breaks = False
        self.told: list[SafetyRaised] = []
        self.faults: list[str] = []
        self.turns = 0
        self.minute = asyncio.Event()
        """set once a minute has passed"""
        self.registry = Registry()
        self.listener = SafetyListener(
            Means(
                detector=self.words,
                reports=self,
                clock=self.clock.monotonic,
                wall=lambda: 1000.0,
                fresh=lambda: f"report {len(self.kept)}",
                told=self.told.append,
                died=lambda name, _: self.faults.append(name),
                registry=self.registry,
                by="test",
                pause=self._pause,
            )
        )

    async def put(self, report: Report, text: str) -> bool:
        if self.breaks:
            raise OSError
        self.kept.append((report, text))
        return self.keeps

    async def _pause(self, seconds: float) -> None:
        if seconds >= WINDOW:
            await self.minute.wait()
        else:
            self.turns += 1

    def says(self, text: str, who: str = "ada", connection: str = "c1") -> Heard:
        """Have somebody say something short."""
        heard = self.listener.listen(a_speaker(who, connection), PLACE, text.encode())
        assert isinstance(heard, Heard)
        return heard

    async def hears(self, data: bytes) -> Heard:
        heard = self.listener.listen(a_speaker(), PLACE, data)
        return await heard if isinstance(heard, Awaitable) else heard

    def shows(self, data: bytes, said_in: str = "c1") -> Judged:
        """Have a service say something short."""
        judged = self.listener.judge(PLACE, said_in, data)
        assert isinstance(judged, Judged)
        return judged


def a_speaker(who: str = "ada", connection: str = "c1") -> Speaker:
    """Return somebody; who has no name is known by a network."""
    return Speaker(
        f"home/{who}" if who else "@192.0.2.1",
        subject=who,
        identity="verified" if who else "unknown",
        connection=connection,
        correlation="r1",
    )
