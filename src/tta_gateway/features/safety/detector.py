"""The detector: lexicon and model, for what people write and for what services answer.

Stage 1 finds phrases and reads how they are meant; stage 2 is the model, which sees the whole and
what stage 1 has found.  The model may raise a level, and lower what stage 1 is not sure of.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tta_gateway.features.safety.automaton import Hit
from tta_gateway.features.safety.lexicon import CATEGORIES, Lexicon, Rule
from tta_gateway.features.safety.normal import pieces
from tta_gateway.features.safety.reading import level, reading
from tta_gateway.kernel.verdict import NONE, Verdict

LEXICON: Final = Path(__file__).with_name("lexicon.txt")


class Finding:
    """A phrase, how it is meant, and the level that comes of it."""

    __slots__ = ("flags", "level", "rule")

    def __init__(self, rule: Rule, flags: int, level_: int) -> None:
        """Say so."""
        self.rule = rule
        self.flags = flags
        self.level = level_


def load() -> "LexicalDetector":
    """Return the detector that the package brings; it reads two files, in some 50 ms."""
    return LexicalDetector(Lexicon(LEXICON.read_text(encoding="utf-8")))


class LexicalDetector:
    """Implements kernel/verdict.py's Detector."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Go by this lexicon."""
        self._lexicon = lexicon

    def of_person(self, text: str) -> Verdict:
        """Return how much at risk somebody is who writes this."""
        return merged(self._look(piece) for piece in pieces(text))

    def of_service(self, text: str) -> Verdict:
        """Return how harmful this is to be shown."""
        return merged(self._look(piece) for piece in pieces(text))

    def _look(self, text: str) -> Verdict:
        found = findings(self._lexicon, self._lexicon.words.of(text))
        highest = max((one.level for one in found), default=NONE)
        if highest == NONE:
            return Verdict(version=self._lexicon.version)
        return Verdict(
            level=highest,
            categories=urgent_first(found),
            rules=tuple(sorted({one.rule.name for one in found if one.level})),
            version=self._lexicon.version,
            score=highest / 4 + 0.2,
        )


def findings(lexicon: Lexicon, words: list[str]) -> list[Finding]:
    """Return what is found in the words of a text, but for what only sounds like it."""
    hits = lexicon.automaton.hits(words)
    if not hits:
        return []
    rules = lexicon.rules
    idioms = [hit for hit in hits if rules[hit.rule].level == NONE]
    made = []
    for hit in hits:
        rule = rules[hit.rule]
        if rule.level != NONE and not (idioms and _is_hidden(hit, idioms)):
            flags = reading(words, hit)
            made.append(Finding(rule, flags, level(rule, flags)))
    return made


def urgent_first(found: Iterable[Finding]) -> tuple[str, ...]:
    """Return the categories of findings."""
    levels: dict[str, int] = {}
    for one in found:
        category = one.rule.category
        levels[category] = max(one.level, levels.get(category, NONE))
    return tuple(
        category
        for category in sorted(levels, key=lambda each: (-levels[each], CATEGORIES.index(each)))
        if levels[category]
    )


def merged(verdicts: Iterable[Verdict]) -> Verdict:
    """Return one verdict of those on the pieces of a text: the highest, with all that was found."""
    each = sorted(verdicts, key=lambda one: (-one.level, -one.score))
    first = each[0]
    if len(each) == 1:
        return first
    return Verdict(
        level=first.level,
        categories=tuple(dict.fromkeys(name for one in each for name in one.categories)),
        rules=tuple(sorted({name for one in each for name in one.rules})),
        version=first.version,
        score=max(one.score for one in each),
    )


def _is_hidden(hit: Hit, idioms: list[Hit]) -> bool:
    """Tell whether an idiom overlaps a phrase."""
    for idiom in idioms:  # noqa: SIM110 - faster than a generator: bench/safety.py
        if idiom.begin < hit.end and hit.begin < idiom.end:
            return True
    return False
