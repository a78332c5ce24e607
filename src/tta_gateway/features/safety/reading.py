"""How a phrase is meant, by the words around it: whose it is, when, and whether it is denied.

It looks at so many words before a phrase and after it, within its sentence, so that a text of many
phrases takes no longer than its length.  It is no grammar: a denial lowers a level, and clears
nothing; the model reads the whole besides.
"""

from typing import Final

from tta_gateway.features.safety.automaton import Hit
from tta_gateway.features.safety.lexicon import Rule
from tta_gateway.features.safety.normal import STOP
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
_NEAR: Final = 4
"""words within which a denial stands before what it denies"""

_SELF: Final = frozenset("i im ive id ill me my myself mine i'm ima imma".split())
_OTHERS: Final = frozenset(
    "he she they him her them his hers their hes shes theyre himself herself themselves someone "
    "somebody people person anyone friend friends son daughter wife husband brother sister mom mum "
    "dad mother father student patient client cousin girlfriend boyfriend partner teenager kid "
    "child children nephew niece uncle aunt roommate neighbor coworker colleague users user others "
    "veterans men women teens adolescents characters character bf gf ex patients clients those "
    "students kids teenagers who whoever everyone soldiers celebrities".split()
)
_NO: Final = frozenset(
    "not never no dont didnt doesnt isnt wasnt arent wont wouldnt havent hasnt hadnt without "
    "nor neither aint denies deny denied denying stopped avoid against none nobody".split()
)
_NO_DENIAL: Final = frozenset("know sure only just stop help why care see mind if".split())
"""what turns a "not" before it into none of what follows: not only, do not know if"""
_PAST: Final = frozenset(
    "used formerly previously once recovered recovery recovering overcame survived survivor "
    "ago past formerly longer sober history younger childhood anymore".split()
)
_STILL: Final = frozenset(
    "again still now back today tonight lately currently relapsed want wanna keep".split()
)
_SAYING: Final = frozenset(
    "said says told tells asked asks texted wrote posted claims claimed mentioned "
    "threatened threatens saying telling".split()
)
_FICTION: Final = frozenset(
    "character characters novel movie film book song lyrics story stories episode scene protagonist "
    "plot game chapter fiction fictional poem play show series anime manga roleplay villain hero "
    "screenplay script narrator author band album tv movies films books novels games".split()
)
_ABSTRACT: Final = frozenset(
    "definition define defined meaning statistics statistic rates rate prevent prevention awareness "
    "research study studies article essay thesis training lecture policy history historical "
    "psychology symptoms signs myth myths explain epidemiology hotline helpline lifeline academic "
    "theory causes common factors presentation course module students lesson society country "
    "percentage legal law court news survey literature topic".split()
)
_JOKE: Final = frozenset("lol lmao jk haha hahaha rofl joking kidding 😂 🤣 xd lmfao".split())


def reading(words: list[str], hit: Hit) -> int:
    """Return how a phrase is meant: flags of the above."""
    begin, end = _sentence(words, hit)
    flags = _whose(words, begin, hit) | _around(words, begin, end, hit)
    if _is_negated(words, begin, hit):
        flags |= NEGATED
    return flags


def level(rule: Rule, flags: int) -> int:
    """Return the level of a rule whose phrase is meant so."""
    if rule.level == NONE or _is_of_nobody(rule, flags):
        return NONE
    if flags & FICTION and not flags & SELF:
        return ELEVATED
    if flags & JOKE:
        return min(rule.level, HIGH)
    if flags & (OTHER | REPORTED) and not rule.anyone and not flags & SELF:
        return ELEVATED
    if flags & (NEGATED | PAST) and not rule.stands:
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


def _whose(words: list[str], begin: int, hit: Hit) -> int:
    """Return whose it is: of what is named nearest before the phrase, or in it."""
    for at in range(hit.begin, hit.end):
        if words[at] in _SELF:
            return SELF
    for at in range(hit.begin - 1, begin - 1, -1):
        word = words[at]
        if word in _SELF:
            return SELF
        if word in _OTHERS:
            said = any(words[one] in _SAYING for one in range(at, hit.begin))
            return OTHER | REPORTED if said else OTHER
    return 0


def _around(words: list[str], begin: int, end: int, hit: Hit) -> int:
    flags = 0
    still = False
    for at in range(begin, end):
        word = words[at]
        if at >= hit.begin and at < hit.end:
            still = still or word in _STILL
            continue
        if word in _PAST:
            flags |= PAST
        elif word in _FICTION:
            flags |= FICTION
        elif word in _ABSTRACT:
            flags |= ABSTRACT
        elif word in _JOKE:
            flags |= JOKE
        still = still or word in _STILL
    return flags & ~PAST if still else flags


def _is_negated(words: list[str], begin: int, hit: Hit) -> bool:
    first = max(begin, hit.begin - _NEAR)
    for at in range(hit.begin - 1, first - 1, -1):
        if words[at] in _NO:
            after = words[at + 1]
            return after not in _NO_DENIAL
    return False
