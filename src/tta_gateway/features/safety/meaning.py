"""How a phrase is meant, by the words around it: whose it is, when, and whether it is denied.

It looks at so many words before a phrase and after it, within its sentence, so that a text of many
phrases takes no longer than its length.  It is no grammar: a denial lowers a level, and clears
nothing; the model reads the whole besides.
"""

from collections.abc import Mapping
from typing import Final

from tta_gateway.features.safety.automaton import Hit
from tta_gateway.features.safety.normal import STOP
from tta_gateway.features.safety.rule import Rule
from tta_gateway.kernel.verdict import ELEVATED, HIGH, IMMINENT, NONE

NEGATED: Final = 1
OTHER: Final = 2
"""said of somebody else"""
PAST: Final = 4
"""past, or recovered from"""
REPORTED: Final = 8
"""what somebody else has said"""
FICTION: Final = 16
ABSTRACT: Final = 32
"""a definition, a statistic, prevention, study: of nobody"""
SELF: Final = 64
"""said of whoever writes"""
JOKE: Final = 128
READINGS: Final = ("negated", "other", "past", "reported", "fiction", "abstract", "self", "joke")
BEFORE: Final = 12
AFTER: Final = 8
_NEAR: Final = 5
"""words within which a denial stands before what it denies"""
_AROUND: Final = {"past": PAST, "fiction": FICTION, "abstract": ABSTRACT, "joke": JOKE}
NEEDED: Final = frozenset(
    {
        "self",
        "others",
        "no",
        "no_denial",
        "nobody",
        "untrue",
        "saying",
        "still",
        "breaks",
        "denial",
        *_AROUND,
    }
)
"""the groups of words that a lexicon must name"""


class Reader:
    """Reads by the words of the lexicon that start with %: whose, no, and so on."""

    def __init__(self, groups: Mapping[str, frozenset[str]]) -> None:
        """Take the groups of NEEDED."""
        self._self = groups["self"]
        self._others = groups["others"]
        self._no = groups["no"]
        self._no_denial = groups["no_denial"]
        self._denial = groups["denial"]
        self._nobody = groups["nobody"]
        self._untrue = groups["untrue"]
        self._saying = groups["saying"]
        self._still = groups["still"]
        self._breaks = groups["breaks"]
        self._around: dict[str, int] = {}
        for name, flag in _AROUND.items():
            for word in groups[name]:
                self._around[word] = self._around.get(word, 0) | flag

    def flags(self, words: list[str], hit: Hit, *, plain: bool) -> int:
        """Return how a phrase is meant: flags of the above.

        Where it is `plain`, it says nothing of itself by a word that denies.
        """
        begin, end = _sentence(words, hit)
        flags = self._whose(words, begin, hit) | self._meaning(words, begin, end, hit)
        if not flags & (SELF | OTHER) and self._is_own_after(words, end, hit):
            flags |= SELF
        if self._is_negated(words, begin, hit) or (plain and self._denies(words, hit)):
            flags |= 0 if self._is_taken_back(words, end, hit) else NEGATED
        return flags

    def _whose(self, words: list[str], begin: int, hit: Hit) -> int:
        """Return whose it is: of who is named in the phrase, or nearest before it."""
        inside = 0
        for at in range(hit.begin, hit.end):
            if words[at] in self._self:
                return SELF
            if words[at] in self._others:
                inside = OTHER
        return inside or self._named_before(words, begin, hit)

    def _named_before(self, words: list[str], begin: int, hit: Hit) -> int:
        said = 0
        for at in range(hit.begin - 1, begin - 1, -1):
            word = words[at]
            if word in self._self:
                return SELF
            if word in self._others:
                return OTHER | said
            if word in self._saying:
                said = REPORTED
        return 0

    # Loops where any() would be shorter: a generator costs more than what it looks at
    # (scripts/safety_score.py, stage 1).
    def _is_own_after(self, words: list[str], end: int, hit: Hit) -> bool:
        for at in range(hit.end, min(end, hit.end + _NEAR)):  # noqa: SIM110
            if words[at] in self._self:
                return True
        return False

    def _meaning(self, words: list[str], begin: int, end: int, hit: Hit) -> int:
        flags = 0
        still = False
        for at in range(begin, end):
            word = words[at]
            still = still or word in self._still
            if at < hit.begin or at >= hit.end:
                flags |= self._around.get(word, 0)
        return flags & ~PAST if still else flags

    def _is_negated(self, words: list[str], begin: int, hit: Hit) -> bool:
        own = words[hit.begin] in self._self
        for at in range(hit.begin - 1, max(begin, hit.begin - _NEAR) - 1, -1):
            word = words[at]
            if word in self._no:
                if word in self._nobody or words[at + 1] == "one":
                    return not own  # nobody knows that I: that denies nothing
                return words[at + 1] not in self._no_denial
            if word in self._breaks:
                return False
            own = own or word in self._self
        return False

    def _is_taken_back(self, words: list[str], end: int, hit: Hit) -> bool:
        """Tell whether a denial is said to be none: but I lied."""
        for at in range(hit.end, end):  # noqa: SIM110
            if words[at] in self._untrue:
                return True
        return False

    def _denies(self, words: list[str], hit: Hit) -> bool:
        for at in range(hit.begin, hit.end):  # noqa: SIM110
            if words[at] in self._denial:
                return True
        return False


def level(rule: Rule, flags: int) -> int:
    """Return the level of a rule whose phrase is meant so."""
    if rule.weak or _is_of_nobody(rule, flags):
        return NONE
    if flags & FICTION and not flags & SELF:
        return ELEVATED
    if flags & JOKE:
        return rule.level - 1
    if flags & (OTHER | REPORTED) and not rule.anyone and not flags & SELF:
        return ELEVATED
    if flags & (NEGATED | PAST) and not rule.stands:
        return ELEVATED
    if rule.own and (flags & ABSTRACT or not flags & SELF):
        return ELEVATED
    if rule.level == IMMINENT and not flags & SELF and not rule.anyone:
        return HIGH
    return rule.level


def _is_of_nobody(rule: Rule, flags: int) -> bool:
    return bool(flags & ABSTRACT) and not flags & SELF and not rule.anyone


def _sentence(words: list[str], hit: Hit) -> tuple[int, int]:
    """Return where the words around a phrase begin and end."""
    begin = hit.begin
    while begin > 0 and hit.begin - begin < BEFORE and words[begin - 1] != STOP:
        begin -= 1
    end = hit.end
    while end < len(words) and end - hit.end < AFTER and words[end] != STOP:
        end += 1
    return begin, end
