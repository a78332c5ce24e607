"""`POST /v1/moderations`, in the shape of OpenAI's: what the detector makes of texts.

A result has all of OpenAI's categories; of those that the detector does not look for,
`category_applied_input_types` is empty.  Four are ours (`x_abuse`), for what OpenAI has no word
for, so that a text is flagged if one of its categories is true, and only then: from level 2 on.
Beside the usual members it has `x_severity`, 0 to 3, of what was found in the text as something
that a person writes or that a service says, whichever is graver; `x_person` and `x_service` are the
two, `x_categories` our own words.  Nobody is told of what is found here: whoever asks knows whose
words they are, and what to do.

To look takes a worker's time: all who ask share one slice in a turn of the loop, so much may wait
at once, of all and of one, and who has gone is not worked for.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from tta_gateway.features.safety.looking import NOTHING, Judge, graver, look
from tta_gateway.features.safety.problems import MODERATION_BUSY, NOT_MODERATED
from tta_gateway.kernel.crisis import MODERATED
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.stream import Stream
from tta_gateway.kernel.verdict import HIGH, Detector, Verdict
from tta_gateway.support.tasks import Died, spawn

MOST: Final = 32
"""texts of a request"""
AT_ONCE: Final = 1_000_000
"""characters of all requests that wait to be looked at, at most"""
OF_ONE: Final = AT_ONCE // 2
"""of which so many are one asker's"""
_LEAST: Final = 500  # characters that a text counts as
_KIND: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_HARM: Final = frozenset(("suicide", "self_harm", "eating_disorder"))
"""what OpenAI's word self-harm takes in"""
_SELF_HARM: Final = "self-harm"
_INTENT: Final = "self-harm/intent"
_INSTRUCTIONS: Final = "self-harm/instructions"
_VIOLENCE: Final = "violence"
_LOOKED_FOR: Final = (_SELF_HARM, _INTENT, _INSTRUCTIONS, _VIOLENCE)
_UNKNOWN: Final = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening"),
    *("illicit", "illicit/violent", "sexual", "sexual/minors", "violence/graphic"),
)
"""categories of OpenAI's that the detector does not look for"""
_OURS: Final = {f"x_{name}": name for name in ("abuse", "neglect", "psychosis", "substance_misuse")}
"""categories that OpenAI has no word for"""
CATEGORIES: Final = tuple(sorted((*_LOOKED_FOR, *_UNKNOWN, *_OURS)))
_APPLIED: Final = {name: [] if name in _UNKNOWN else ["text"] for name in CATEGORIES}


class Part(msgspec.Struct):
    """A part of an input; what is no text is refused."""

    type: str
    text: str


class Asked(msgspec.Struct):
    """What is asked; `model` is for others."""

    input: str | list[str | Part]


class Result(msgspec.Struct, frozen=True):
    """What is found in one text."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]
    x_severity: int
    x_person: int
    x_service: int
    x_categories: tuple[str, ...]


class Moderated(msgspec.Struct, frozen=True):
    """The answer."""

    id: str
    model: str
    results: list[Result]


_read: Final = msgspec.json.Decoder(Asked).decode
_written: Final = msgspec.json.Encoder().encode


class Moderation:
    """Answers for a worker (kernel/stream.py)."""

    def __init__(self, detector: Detector, *, fresh: Callable[[], str], died: Died) -> None:
        """Ask this detector; `fresh` gives ids that nobody else has."""
        self._detector = detector
        self._fresh = fresh
        self._died = died
        self._waiting: Counter[str] = Counter()  # characters, by who asks
        self._turn = asyncio.Lock()

    def asked(self, stream: Stream, body: bytes) -> None:
        """Look at the texts of a request."""
        texts = texts_in(body)
        if texts is None:
            stream.answer(answer_of(NOT_MODERATED))
            return
        who, size = _asker(stream.exchange), sum(max(_LEAST, len(text)) for text in texts)
        if self._waiting.total() + size > AT_ONCE or self._waiting[who] + size > OF_ONE:
            stream.answer(answer_of(MODERATION_BUSY))
            return
        self._waiting[who] += size
        spawn(self._answered(stream, texts, who, size), name="moderation", died=self._died)

    async def _answered(self, stream: Stream, texts: list[str], who: str, size: int) -> None:
        try:
            await self._answer(stream, texts)
        finally:
            self._waiting[who] -= size
            if not self._waiting[who]:
                del self._waiting[who]

    async def _answer(self, stream: Stream, texts: list[str]) -> None:
        results, version = [], ""
        for text in texts:
            person = await self._found(stream, self._detector.of_person, text)
            service = await self._found(stream, self._detector.of_service, text)
            if person is None or service is None:
                return
            version = person.version or version
            results.append(result(person, service))
        if any(one.flagged for one in results):
            stream.exchange.acted = MODERATED
        told = Moderated(f"modr-{self._fresh()}", f"tta-gateway-{version}", results)
        stream.answer(Response(200, [_KIND, _NO_STORE], _written(told)))

    async def _found(self, stream: Stream, judge: Judge, text: str) -> Verdict | None:
        """Return what is found in a text, a slice in a turn; None if nobody waits for it any more.

        The lock goes to whoever has waited longest: each has a slice looked at in its turn.
        """
        found = NOTHING
        exchange, slices = stream.exchange, look(judge, text)
        while not exchange.aborted and not exchange.finished:
            async with self._turn:
                so_far = _next(slices)
                await asyncio.sleep(0)
            if so_far is None:
                return found
            found = so_far
        return None


def _next(slices: Iterator[Verdict]) -> Verdict | None:
    return next(slices, None)


def _asker(exchange: Exchange) -> str:
    who = exchange.principal
    return exchange.client if who is None else f"{who.issuer}/{who.subject}"


def texts_in(body: bytes) -> list[str] | None:
    """Return the texts to be looked at; None if there are none, or too many."""
    try:
        said = _read(body).input
    except msgspec.DecodeError:
        return None
    parts = [said] if isinstance(said, str) else said
    if not 0 < len(parts) <= MOST:
        return None
    texts = [one if isinstance(one, str) else one.text for one in parts]
    if isinstance(said, list) and any(isinstance(one, Part) for one in said):
        return ["\n".join(texts)]  # parts of one input
    return texts


def result(person: Verdict, service: Verdict) -> Result:
    """Return what is said of a text: in OpenAI's words as far as they go, and in ours.

    It is flagged where one of the categories is true, and then alone.  What is elevated (level 1)
    is a reason to look and no more: `x_severity` and `x_categories` alone tell of it.
    """
    found = graver(person, service)
    intent, instructions = _high(person), _high(service)
    high = intent | instructions
    categories = {
        _SELF_HARM: not _HARM.isdisjoint(high),
        _INTENT: not _HARM.isdisjoint(intent),
        _INSTRUCTIONS: not _HARM.isdisjoint(instructions),
        _VIOLENCE: "violence" in high,
        **{name: category in high for name, category in _OURS.items()},
    }
    scores = {
        _SELF_HARM: max(person.score, service.score),
        _INTENT: person.score,
        _INSTRUCTIONS: service.score,
        # Phrases are all that is known of the others: no head has a score.
        _VIOLENCE: float("violence" in found.categories),
        **{name: float(category in found.categories) for name, category in _OURS.items()},
    }
    return Result(
        flagged=any(categories.values()),
        categories={name: categories.get(name, False) for name in CATEGORIES},
        category_scores={name: scores.get(name, 0.0) for name in CATEGORIES},
        category_applied_input_types=_APPLIED,
        x_severity=found.level,
        x_person=person.level,
        x_service=service.level,
        x_categories=found.categories,
    )


def _high(found: Verdict) -> frozenset[str]:
    """Return the categories of what is high or imminent."""
    return frozenset(found.categories) if found.level >= HIGH else frozenset()
