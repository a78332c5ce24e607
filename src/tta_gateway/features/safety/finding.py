"""Stage 1: what the lexicon finds in a text, and the level that comes of it."""

from collections.abc import Iterable

from tta_gateway.features.safety.automaton import Hit
from tta_gateway.features.safety.lexicon import CATEGORIES, Lexicon
from tta_gateway.features.safety.meaning import level
from tta_gateway.features.safety.rule import Rule
from tta_gateway.kernel.verdict import NONE, Category


class Finding:
    """A phrase, how it is meant, and the level that comes of it."""

    __slots__ = ("flags", "level", "rule")

    def __init__(self, rule: Rule, flags: int, level_: int) -> None:
        """Say so; flags are those of meaning.py."""
        self.rule = rule
        self.flags = flags
        self.level = level_


def findings(lexicon: Lexicon, words: list[str], *, of_service: bool = False) -> list[Finding]:
    """Return what is found in the words of a text, but for what only sounds like it."""
    hits = lexicon.automaton.hits(words)
    if not hits:
        return []
    rules = lexicon.rules
    idioms = [hit for hit in hits if _is_idiom(rules[hit.rule], of_service=of_service)]
    made: list[Finding] = []
    for hit in hits:
        rule = rules[hit.rule]
        if rule.idiom or rule.service != of_service or _is_hidden(hit, idioms):
            continue
        flags = lexicon.reader.flags(words, hit, plain=rule.plain)
        made.append(Finding(rule, flags, level(rule, flags)))
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


def _is_idiom(rule: Rule, *, of_service: bool) -> bool:
    """Tell whether a rule hides others; those of services do only in what services say."""
    return rule.idiom and (of_service or not rule.service)


def _is_hidden(hit: Hit, idioms: list[Hit]) -> bool:
    """Tell whether an idiom overlaps a phrase."""
    for idiom in idioms:  # noqa: SIM110 - faster than a generator: scripts/safety_score.py
        if idiom.begin < hit.end and hit.begin < idiom.end:
            return True
    return False
