"""Looking into long texts a slice at a time, and which of two findings counts."""

from collections.abc import Callable, Iterator
from typing import Final

from tta_gateway.features.safety.leaves import slices
from tta_gateway.kernel.verdict import ELEVATED, Verdict

NOTHING: Final = Verdict()
CLOSE: Final = 300
"""Characters that are looked at by themselves, where something has been found in more."""
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
    """Yield what is found so far, after each slice: the last is what is found in the text."""
    found = NOTHING
    for piece in slices(text):
        found = graver(found, closely(judge, piece))
        yield found


def at_once(judge: Judge, text: str) -> Verdict:
    """Return what is found in a text, in this turn of the loop: for short ones."""
    found = NOTHING
    for piece in slices(text):
        found = graver(found, closely(judge, piece))
    return found
