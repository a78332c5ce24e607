"""What services and models answer: looked at before anybody is shown it.

An answer that comes whole is held, head and all, until it has been looked at, and replaced by an
error with a safe text where it is harmful.  One that streams (server-sent events, a text without a
length, whatever has not come whole for a while) is looked at part by part on its way.  What is no
text, or cannot be decoded, is passed on and counted as unseen.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from tta_gateway.features.safety.block import let_change, may_change, stream
from tta_gateway.features.safety.body import Body
from tta_gateway.features.safety.decoding import Decoding, Undecodable, is_known, named
from tta_gateway.features.safety.harmless import Harmless, digest_of
from tta_gateway.features.safety.looking import AT_ONCE, NOTHING, Judge, in_a_turn, look
from tta_gateway.features.safety.parts import Events, Lines, Packed, Parts, Strings, Words
from tta_gateway.features.safety.problems import WITHHELD
from tta_gateway.features.safety.withholding import Ending, Turns, Withholding
from tta_gateway.kernel.exchange import Exchange, Sink
from tta_gateway.kernel.message import Response, answer_of, is_of_events
from tta_gateway.kernel.verdict import HIGH, Verdict

Found = Callable[[Exchange, Verdict, str], None]
"""Hears of what was withheld."""
_KIND: Final = b"content-type"
_CODING: Final = b"content-encoding"
_LINES: Final = frozenset(
    (
        *(b"application/x-ndjson", b"application/ndjson", b"application/jsonl"),
        *(b"application/json-seq", b"application/stream+json"),
    )
)
_MEDIA: Final = (b"image/", b"audio/", b"video/", b"font/", b"application/octet-stream")
_TEXTS: Final = (
    *(b"json", b"json-seq", b"jsonl", b"xml", b"yaml", b"javascript", b"graphql"),
    *(b"-urlencoded", b"/form-data", b"/mixed"),
)
_BODILESS: Final = frozenset((101, 204, 205, 304))
_BLANK: Final = (b"\n\n", b"\r\r", b"\n\r\n")
_PARTIAL: Final = 206
HOLD: Final = 5.0
"""Seconds that a head is held for the rest of an answer, unless another time is set."""
_MIDDLE: Final = "middle"
_FOLLOWED: Final = (_MIDDLE, "too_large")
"""why more of an answer may stand behind what was looked at"""
_NAMED: Final = b"x-vercel-ai-data-stream"  # a text in lines that say what each is


class Preview:
    """An answer that comes whole, while its head is held (kernel/exchange.py)."""

    def __init__(self, answers: "Answers", exchange: Exchange, response: Response) -> None:
        """Keep what comes of it."""
        self._answers = answers
        self._exchange = exchange
        self._response = response
        self._kind = response.get(_KIND) or b""
        self._body = body_of(response)
        self._came: asyncio.Future[None] | None = None
        self._is_enough = False
        self.is_over = False

    def take(self, data: bytes) -> bool:
        """Take a part of it; False when the window is full."""
        self._body.take(data)
        if self._body.has_head:
            self._wake()
            return False
        return True

    def end(self) -> None:
        """Take its end."""
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        self._is_enough = True
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    async def answer(self) -> Response | None:
        """Return what is said instead once it has come and been looked at; None: it may be shown.

        What follows the window is looked at on its way, or counted where it is no text.  Of one
        that breaks off nothing is shown.  What does not come is not waited for: the rest of it is
        looked at on its way.
        """
        is_here = self._is_enough or await self._has_come()
        if self._exchange.aborted or self._exchange.response is not self._response:
            return None
        if not is_here:
            self._exchange.preview = None
            self._answers.follow(self._exchange, self._response)
            return None
        answers, body = self._answers, self._body
        digest = digest_of(body.beginning(), self._kind)
        if answers.harmless.has(digest):
            self._passed()
            return None
        found, text = NOTHING, body.head()
        for number, so_far in enumerate(look(answers.judge, text)):
            found = so_far
            if number:
                await asyncio.sleep(0)
        if found.level < HIGH:
            answers.harmless.keep(digest)
        instead = answers.instead(self._exchange, found, text)
        if instead is None:
            self._passed()
        return instead

    async def _has_come(self) -> bool:
        """Wait for enough of it; False if the time is over, and the rest may be looked at later.

        Whoever is at risk waits as long as the service may take: behind a head that has left, no
        error could make way for help.
        """
        came = self._came = asyncio.get_running_loop().create_future()
        found = self._exchange.safety
        # Nobody finds words in a part of what is in wide letters.
        waits = _is_wide(self._kind) or (found is not None and found.level >= HIGH)
        try:
            async with asyncio.timeout(None if waits else self._answers.hold):
                await asyncio.shield(came)
        except TimeoutError:
            return self._is_enough
        return True

    def _passed(self) -> None:
        """Let it be shown: what follows the window on its way, or count what was not seen."""
        unseen = self._body.unseen or ("" if self.is_over else _MIDDLE)
        if unseen in _FOLLOWED and _is_of_words(self._kind):
            self._answers.follow(self._exchange, self._response)
        elif unseen:
            self._answers.unseen(unseen)


class Answers:
    """Looks at the answers of a worker's services.

    `found` hears of what was withheld, `unseen` why something was not looked at, `safe` gives the
    text for somebody who has been shown a part of an answer, as JSON, `later` calls something in a
    turn of its own, and `report` hears of faults of ours.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        found: Found,
        unseen: Callable[[str], None],
        safe: Callable[[Exchange], bytes],
        later: Callable[[Callable[[], None]], object],
        report: Callable[[Exchange, BaseException], None],
    ) -> None:
        """Look by this judge."""
        self.judge = judge
        self.found = found
        self.unseen = unseen
        self.harmless = Harmless()
        self.hold = HOLD
        """seconds"""
        self.clock: Callable[[], float] = _stands
        """tells the seconds of the processor that this thread has had"""
        self._safe = safe
        self._later = later
        self._report = report

    def look(self, exchange: Exchange, response: Response) -> Preview | Response | None:
        """Look at an answer: what stands in its place, who waits for its body, or None."""
        if response.local or response.status in _BODILESS or exchange.request.method == b"HEAD":
            return None
        if response.length == 0 or response.body == b"":
            return None
        if is_of_events(response):
            self._follow(exchange, response, Events(), self._safe_event)
            return None
        if response.body is not None:
            return self._whole(exchange, response, response.body)
        parts = _parts_of(response)
        if parts is not None:
            self._follow(exchange, response, parts, self._safe_text)
            return None
        if _is_unreadable(response):
            self.unseen("kind")
            return None
        preview = Preview(self, exchange, response)
        exchange.preview = preview
        return preview

    def _whole(
        self, exchange: Exchange, response: Response, data: bytes
    ) -> Preview | Response | None:
        if _is_unreadable(response):
            self.unseen("kind")
            return None
        if len(data) > SHORT or response.get(_CODING) is not None:
            return self._in_turns(exchange, response, data)
        digest = digest_of(data, response.get(_KIND) or b"")
        if self.harmless.has(digest):
            return None
        body = body_of(response)
        body.take(data)
        text = body.head()
        found = in_a_turn(self.judge, (text,), clock=self.clock, end=self.clock() + AT_ONCE)
        if found is None:
            return self._in_turns(exchange, response, data)
        if body.unseen:
            self.unseen(body.unseen)
        elif found.level < HIGH:
            self.harmless.keep(digest)
        return self.instead(exchange, found, text)

    def _in_turns(self, exchange: Exchange, response: Response, data: bytes) -> Preview:
        preview = Preview(self, exchange, response)
        if preview.take(data):
            preview.end()
        return preview

    def instead(self, exchange: Exchange, found: Verdict, text: str) -> Response | None:
        """Return what is said in the place of what is harmful."""
        if found.level < HIGH:
            return None
        self.found(exchange, found, text)
        return answer_of(WITHHELD)

    # What streams

    def follow(self, exchange: Exchange, response: Response) -> None:
        """Look at an answer on its way that was held in vain."""
        self._follow(exchange, response, _parts_in_any_case(response), self._safe_text)

    def _follow(
        self,
        exchange: Exchange,
        response: Response,
        parts: Parts,
        safe: Callable[[Exchange, bytes], bytes],
    ) -> None:
        """Look at an answer on its way; one that is compressed is passed on decoded.

        Its length is not known any more: it may end before, or with what is safe.  What cannot be
        decoded, or must not be changed, is counted.
        """
        coding = response.get(_CODING) or b""
        if named(coding):
            if not _may_decode(response, coding):
                self.unseen("coding")
                return
            parts = Packed(Decoding(coding), parts)
            response.drop(_CODING)
            let_change(response)
        stream(response)
        ending = Ending(
            lambda last: safe(exchange, last),
            found=lambda found, text: self.found(exchange, found, text),
            fault=lambda error: self._failed(exchange, error),
        )
        turns = Turns(self._later, self.clock)

        def wrapped(sink: Sink) -> Sink:
            return Withholding(
                exchange,
                sink,
                parts=parts,
                judge=self.judge,
                turns=turns,
                ending=ending,
            )

        exchange.wraps = [*(exchange.wraps or ()), wrapped]

    def _failed(self, exchange: Exchange, error: BaseException) -> None:
        if isinstance(error, Undecodable):
            self.unseen(str(error))
        else:
            self._report(exchange, error)

    def _safe_event(self, exchange: Exchange, last: bytes) -> bytes:
        event = b"event: safety\ndata: %b\n\n" % self._safe(exchange)
        # Only of one too long to wait for has a piece been shown: its line is still open.
        return event if not last or last.endswith(_BLANK) else b"\n\n" + event

    def _safe_text(self, exchange: Exchange, last: bytes) -> bytes:
        kind = b"" if exchange.response is None else exchange.response.get(_KIND) or b""
        if kind.lower().startswith(b"text/"):
            return b"\n\n" + WITHHELD.detail.encode() + b"\n"
        line = self._safe(exchange) + b"\n"
        return line if not last or last.endswith(b"\n") else b"\n" + line


SHORT: Final = 1800
"""Bytes of an answer that are looked at in one turn of the loop."""


def body_of(response: Response) -> Body:
    """Return what keeps the body of an answer."""
    return Body(response.get(_KIND) or b"", response.get(_CODING) or b"")


def _parts_of(response: Response) -> Parts | None:
    """Return how an answer without a length is taken apart that is of use before it is whole."""
    if response.length >= 0:
        return None
    kind = (response.get(_KIND) or b"").lower()
    name = kind.partition(b";")[0].strip()
    if name in _LINES or (name.startswith(b"text/") and response.get(_NAMED) is not None):
        return Lines()
    if _is_wide(kind):
        return None  # words are not looked for in it: it is held until it is whole
    return Words() if name.startswith(b"text/") else None


def _parts_in_any_case(response: Response) -> Parts:
    """Return how an answer is taken apart of which nobody knows when it will be whole."""
    kind = (response.get(_KIND) or b"").lower()
    name = kind.partition(b";")[0].strip()
    if name in _LINES:
        return Lines()
    return Words() if name.startswith(b"text/") else Strings()


def _is_of_words(kind: bytes) -> bool:
    """Tell whether words can be looked for in parts of it."""
    name = kind.partition(b";")[0].strip().lower()
    return not _is_wide(kind) and (not name or name.startswith(b"text/") or name.endswith(_TEXTS))


def _is_wide(kind: bytes) -> bool:
    return b"utf-16" in kind.lower()


def _may_decode(response: Response, coding: bytes) -> bool:
    """Tell whether an answer can be passed on decoded, in place of as it came."""
    known = is_known(named(coding)) and may_change(response)
    return known and response.status != _PARTIAL


def _is_unreadable(response: Response) -> bool:
    """Tell whether an answer is no text; of what comes bit by bit, only what surely is one is."""
    kind = (response.get(_KIND) or b"").partition(b";")[0].strip().lower()
    if kind.startswith(_MEDIA):
        return True
    comes_whole = response.body is not None or response.length >= 0
    return bool(kind) and not (comes_whole or kind.startswith(b"text/") or kind.endswith(_TEXTS))


def _stands() -> float:
    """Say that no time has passed."""
    return 0.0
