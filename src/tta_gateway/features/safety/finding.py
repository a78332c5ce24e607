"""Stage 1: what the lexicon finds in a text, and the level that comes of it."""

from collections.abc import Iterable
from typing import Final

from tta_gateway.features.safety.automaton import Hit
from tta_gateway.features.safety.lexicon import CATEGORIES, Lexicon
from tta_gateway.features.safety.meaning import level
from tta_gateway.features.safety.rule import Rule
from tta_gateway.kernel.verdict import NONE, Category

MOST_READ: Final = 32
"""phrases of a rule that are read in one text; and none after one that is all that the rule says"""


class Finding:
    """A phrase, how it is meant, the level that comes of it, and which words it is."""

    __slots__ = ("begin", "end", "flags", "level", "rule")

    def __init__(
        self, rule: Rule, flags: int, level_: int, *, begin: int = 0, end: int = 0
    ) -> None:
        """Say so; flags are those of meaning.py, `end` is the word after the last."""
        self.rule = rule
        self.flags = flags
        self.level = level_
        self.begin = begin
        self.end = end


def read(
    lexicon: Lexicon, text: str, *, of_service: bool = False
) -> tuple[list[str], list[Finding]]:
    """Return the words of a text and what is found in them: all of stage 1."""
    words, numbers = lexicon.words.numbered(text)
    return words, findings(lexicon, words, numbers, of_service=of_service)


def findings(
    lexicon: Lexicon,
    words: list[str],
    numbers: list[int | None] | None = None,
    *,
    of_service: bool = False,
) -> list[Finding]:
    """Return what is found in the words of a text, but for what only sounds like it.

    Their `numbers` save looking them up once more.
    """
    hits = lexicon.automaton.hits(words, numbers)
    if not hits:
        return []
    rules = lexicon.rules
    covered = _covered_by_idioms(hits, lexicon, len(words), of_service=of_service)
    left = [MOST_READ] * len(rules)
    made: list[Finding] = []
    for hit in hits:
        rule = rules[hit.rule]
        if rule.idiom or rule.service != of_service or not left[hit.rule]:
            continue
        if covered is None or not _is_covered(hit, covered):
            flags = lexicon.reader.flags(words, hit, plain=rule.plain)
            made.append(Finding(rule, flags, level(rule, flags), begin=hit.begin, end=hit.end))
            left[hit.rule] = 0 if made[-1].level == rule.level else left[hit.rule] - 1
    return made


def urgent_first(found: Iterable[Finding]) -> tuple[Category, ...]:
    """Return the categories of findings that have a level, the highest first."""
    levels: dict[Category, int] = {}
    for one in found:
        if one.level > levels.get(one.rule.category, NONE):
            levels[one.rule.category] = one.level
    made: list[Category] = []
    for wanted in (3, 2, 1):
        made += [one for one in CATEGORIES if levels.get(one, NONE) == wanted]
    return tuple(made)


def _covered_by_idioms(
    hits: list[Hit], lexicon: Lexicon, count: int, *, of_service: bool
) -> bytearray | None:
    """Return which words are of an idiom; None if none is.

    Idioms of services count only in what services say.
    """
    covered: bytearray | None = None
    for hit in hits:
        rule = lexicon.rules[hit.rule]
        if rule.idiom and (of_service or not rule.service):
            if covered is None:
                covered = bytearray(count)
            for at in range(hit.begin, hit.end):
                covered[at] = 1
    return covered


def _is_covered(hit: Hit, covered: bytearray) -> bool:
    """Tell whether an idiom overlaps a phrase."""
    return covered.find(1, hit.begin, hit.end) >= 0
