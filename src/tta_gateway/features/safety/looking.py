"""Looking into long texts a slice at a time, and which of two findings counts."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tta_gateway.features.safety.leaves import OVERLAP, SLICE, slices
from tta_gateway.kernel.verdict import ELEVATED, IMMINENT, Verdict

NOTHING: Final = Verdict()
CLOSE: Final = 300
"""Characters that are looked at by themselves, where something has been found in more."""
SLICE_STEP: Final = SLICE - OVERLAP
TURN: Final = 0.0005
"""Seconds of a turn of the loop after which others have one."""
AT_ONCE: Final = 0.001
"""Seconds that what is looked at in one turn may take; beyond it is looked at anew, in several."""
Judge = Callable[[str], Verdict]


def graver(one: Verdict, other: Verdict) -> Verdict:
    """Return the graver of two; it names what both have found."""
    if (other.level, other.score) > (one.level, one.score):
        one, other = other, one
    if not other.level:
        return one
    return Verdict(
        level=one.level,
        categories=tuple(dict.fromkeys((*one.categories, *other.categories))),
        rules=tuple(dict.fromkeys((*one.rules, *other.rules))),
        version=one.version,
        score=one.score,
    )


def closely(judge: Judge, text: str) -> Verdict:
    """Return what is found in a text; what much else around it has softened, once more without it.

    So nobody is missed because they have said a great deal beside.
    """
    found = judge(text)
    if found.level != ELEVATED or len(text) <= CLOSE:
        return found
    for begin in range(0, len(text) - CLOSE // 3, CLOSE - CLOSE // 3):
        found = graver(found, judge(text[begin : begin + CLOSE]))
    return found


def look(judge: Judge, text: str) -> Iterator[Verdict]:
    """Yield what is found so far, after each step: the last is what is found in the text."""
    for found, _ in search(judge, text):
        yield found


def search(judge: Judge, text: str) -> Iterator[tuple[Verdict, int]]:
    """Yield what is found so far and where the gravest of it begins, after each step.

    A step is one look of the judge, at a slice or at a part of one (`steps`).  What has been
    looked at is not looked at again where it comes again, and nothing is graver than imminent.
    """
    found, at = NOTHING, 0
    seen: set[str] = set()
    begin = -SLICE_STEP
    for piece in slices(text):
        begin += SLICE_STEP
        if piece in seen:
            continue
        seen.add(piece)
        for now in steps(judge, piece):
            if now.level > found.level:
                at = begin
            found = graver(found, now)
            yield found, at
        if found.level >= IMMINENT:
            return


def steps(judge: Judge, piece: str) -> Iterator[Verdict]:
    """Yield what is found in a slice, and in its parts where that might be more; as `closely`."""
    found = judge(piece)
    yield found
    if found.level != ELEVATED or len(piece) <= CLOSE:
        return
    for begin in range(0, len(piece) - CLOSE // 3, CLOSE - CLOSE // 3):
        yield judge(piece[begin : begin + CLOSE])


def in_a_turn(
    judge: Judge, texts: Iterable[str], *, clock: Callable[[], float], end: float
) -> Verdict | None:
    """Return what is found in short texts; None once it is `end` by this clock.

    Texts that are made to be slow take many times as long as others of their length.
    """
    found = NOTHING
    for text in texts:
        for piece in slices(text):
            for now in steps(judge, piece):
                found = graver(found, now)
                if clock() >= end:
                    return None
    return found


class Watch:
    """Watches how long looking takes: of a message in all, and of one turn of the loop.

    `clock` tells the seconds of processor time that this thread has had.
    """

    __slots__ = ("_begun", "_clock", "_turn", "left", "spent")

    def __init__(self, clock: Callable[[], float], left: float) -> None:
        """Allow so many seconds in all."""
        self._clock = clock
        self._begun = self._turn = clock()
        self.left = left
        self.spent = 0.0

    def begin(self) -> None:
        """Begin a turn."""
        self._begun = self._turn = self._clock()

    def step(self) -> bool:
        """Take that a step is over; tell whether others should have a turn now."""
        now = self._clock()
        self.spent += now - self._begun
        self._begun = now
        return now - self._turn >= TURN

    @property
    def is_over(self) -> bool:
        """Tell whether all the time has been taken."""
        return self.spent >= self.left


def at_once(judge: Judge, text: str) -> Verdict:
    """Return what is found in a text, in this turn of the loop: for short ones."""
    found = NOTHING
    for piece in slices(text):
        found = graver(found, closely(judge, piece))
    return found
