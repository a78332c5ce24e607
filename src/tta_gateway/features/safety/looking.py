"""Looking into long texts a slice at a time, and which of two findings counts."""

from collections.abc import Callable, Iterator
from typing import Final

from tta_gateway.features.safety.leaves import slices
from tta_gateway.kernel.verdict import Verdict

NOTHING: Final = Verdict()
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


def look(judge: Judge, text: str) -> Iterator[Verdict]:
    """Yield what is found so far, after each slice: the last is what is found in the text."""
    found = NOTHING
    for piece in slices(text):
        found = graver(found, judge(piece))
        yield found


def at_once(judge: Judge, text: str) -> Verdict:
    """Return what is found in a text, in this turn of the loop: for short ones."""
    found = NOTHING
    for piece in slices(text):
        found = graver(found, judge(piece))
    return found
