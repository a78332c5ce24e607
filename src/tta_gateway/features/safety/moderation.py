"""`POST /v1/moderations`, in the shape of OpenAI's: what the detector makes of texts.

Beside the usual members a result has `x_severity`, 0 to 3, of what was found in the text as
something that a person writes or that a service says, whichever is graver; `x_person` and
`x_service` are the two, `x_categories` our own words.  Nobody is told of what is found here:
whoever asks knows whose words they are, and what to do.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from tta_gateway.features.safety.looking import NOTHING, Judge, graver, look
from tta_gateway.features.safety.problems import NOT_MODERATED
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.stream import Stream
from tta_gateway.kernel.verdict import HIGH, Detector, Verdict
from tta_gateway.support.tasks import Died, spawn

MOST: Final = 32
"""texts of a request"""
_KIND: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_HARM: Final = frozenset(("suicide", "self_harm"))


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

    def asked(self, stream: Stream, body: bytes) -> None:
        """Look at the texts of a request."""
        texts = texts_in(body)
        if texts is None:
            stream.answer(answer_of(NOT_MODERATED))
            return
        spawn(self._answer(stream, texts), name="moderation", died=self._died)

    async def _answer(self, stream: Stream, texts: list[str]) -> None:
        results, version = [], ""
        for text in texts:
            person = await _found(self._detector.of_person, text)
            service = await _found(self._detector.of_service, text)
            version = person.version or version
            results.append(result(person, service))
        told = Moderated(f"modr-{self._fresh()}", f"tta-gateway-{version}", results)
        stream.answer(Response(200, [_KIND, _NO_STORE], _written(told)))


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


async def _found(judge: Judge, text: str) -> Verdict:
    found = NOTHING
    for so_far in look(judge, text):
        found = so_far
        await asyncio.sleep(0)
    return found


def result(person: Verdict, service: Verdict) -> Result:
    """Return what is said of a text: in OpenAI's words as far as they go, and in ours."""
    found = graver(person, service)
    categories = {
        "self-harm": not _HARM.isdisjoint(found.categories),
        "self-harm/intent": person.level >= HIGH and not _HARM.isdisjoint(person.categories),
        "self-harm/instructions": service.level >= HIGH
        and not _HARM.isdisjoint(service.categories),
        "violence": "violence" in found.categories,
    }
    scores = {
        "self-harm": found.score,
        "self-harm/intent": person.score,
        "self-harm/instructions": service.score,
        "violence": found.score if categories["violence"] else 0.0,
    }
    return Result(
        flagged=found.level >= HIGH,
        categories=categories,
        category_scores=scores,
        x_severity=found.level,
        x_person=person.level,
        x_service=service.level,
        x_categories=found.categories,
    )
