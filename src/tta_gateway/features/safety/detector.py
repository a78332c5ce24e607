"""The detector: lexicon and model, for what people write and for what services answer.

Stage 1 finds phrases and reads how they are meant; stage 2 is the model, which sees the whole and
what stage 1 has found.  The model lifts what has no phrase, and lowers, never to nothing, a phrase
that the rest speaks against; what stage 1 takes for imminent stands.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tta_gateway.features.safety.finding import Finding, read, urgent_first
from tta_gateway.features.safety.lexicon import Lexicon
from tta_gateway.features.safety.meaning import SELF
from tta_gateway.features.safety.model import Head, Model, length_of, of_findings, of_words
from tta_gateway.features.safety.normal import pieces
from tta_gateway.kernel.verdict import ELEVATED, HIGH, NONE, Category, Verdict

LEXICON: Final = Path(__file__).with_name("lexicon.txt")
KEPT: Final = Path(__file__).with_name("lexicon.bin")
"""what the lexicon comes to: scripts/safety_keep.py writes it anew"""
WEIGHTS: Final = Path(__file__).with_name("weights.bin")
BY_MODEL: Final = "model"
"""the rule where the model lifts a level by itself"""
RELATED: Final[frozenset[Category]] = frozenset({"suicide", "self_harm", "eating_disorder"})
"""what the model knows of"""
_DOUBT: Final = 0.15
"""of the score from which a level is lifted: below it, a phrase is doubted"""
_NEAR: Final = 40
"""words before a phrase and after it, by which it is doubted, of a text that is longer"""
_MOST_NEARBY: Final = 8
_FEWEST: Final = 3
"""different words without a phrase, from which on the model lifts a level by itself"""


def load() -> "EmbeddedDetector":
    """Return the detector that the package brings; it reads its files, in some 15 ms.

    A lexicon that was changed, and not kept since, is read from its text.
    """
    kept = KEPT.read_bytes() if KEPT.exists() else b""
    lexicon = Lexicon(LEXICON.read_text(encoding="utf-8"), kept)
    return EmbeddedDetector(lexicon, Model(WEIGHTS.read_bytes()))


class EmbeddedDetector:
    """Implements kernel/verdict.py's Detector.

    A text of more than one piece of normal.py takes as much longer: who must not hold the loop
    asks for each piece on its own, `pieces`, and gives way in between; `merged` makes one verdict.
    """

    def __init__(self, lexicon: Lexicon, model: Model) -> None:
        """Go by these."""
        self._lexicon = lexicon
        self._model = model
        self.version = f"{lexicon.version}+{model.version}"

    def of_person(self, text: str) -> Verdict:
        """Return how much at risk somebody is who writes this."""
        return merged([self._look(piece, of_service=False) for piece in pieces(text)])

    def of_service(self, text: str) -> Verdict:
        """Return how harmful this is to be shown."""
        return merged([self._look(piece, of_service=True) for piece in pieces(text)])

    def _look(self, text: str, *, of_service: bool) -> Verdict:
        words, found = read(self._lexicon, text, of_service=of_service)
        head = self._model.service if of_service else self._model.person
        score = _score(head, words, found)
        if not found and score >= head.elevated and len(set(words)) < _FEWEST:
            return Verdict(version=self.version, score=score)
        doubted = score
        if score < head.high * _DOUBT and len(words) > 2 * _NEAR:
            doubted = max([score, *_scores_nearby(head, words, found)])
        return verdict(found, score, head, self.version, doubted=doubted)


def verdict(
    found: list[Finding], score: float, head: Head, version: str, *, doubted: float
) -> Verdict:
    """Return what comes of both stages; a phrase is doubted by the score `doubted`."""
    by_rules = max((one.level for one in found), default=NONE)
    level = by_rules
    if by_rules == HIGH and doubted < head.high * _DOUBT and _is_doubtful(found):
        level = ELEVATED
    elif by_rules < HIGH and score >= head.high:
        level = HIGH
    elif by_rules == NONE and score >= head.elevated:
        level = ELEVATED
    if level == NONE:
        return Verdict(version=version, score=score)
    rules = {one.rule.name for one in found if one.level}
    return Verdict(
        level=level,
        categories=urgent_first(found) or _likely(found),
        rules=tuple(sorted(rules | {BY_MODEL} if level > by_rules else rules)),
        version=version,
        score=score,
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


def _score(head: Head, words: list[str], found: list[Finding]) -> float:
    return head.score(of_words(words), of_findings(found), length_of(words))


def _scores_nearby(head: Head, words: list[str], found: list[Finding]) -> list[float]:
    """Return the score of what stands around each phrase that is high; of few, where many are."""
    made: list[float] = []
    for one in found:
        if one.level == HIGH and len(made) < _MOST_NEARBY:
            begin, end = max(0, one.begin - _NEAR), one.end + _NEAR
            inside = [other for other in found if begin <= other.begin and other.end <= end]
            made.append(_score(head, words[begin:end], inside))
    return made


def _is_doubtful(found: list[Finding]) -> bool:
    """Tell whether all that was found high is of what the model knows, and of nobody in particular.

    What somebody says of themselves stands, however long the text around it.
    """
    for one in found:
        if one.level == HIGH and (one.rule.category not in RELATED or one.flags & SELF):
            return False
    return True


def _likely(found: list[Finding]) -> tuple[Category, ...]:
    """Return the category of what is too weak for a level; else what is feared most."""
    for one in found:
        if one.rule.category in RELATED:
            return (one.rule.category,)
    return ("suicide",)
