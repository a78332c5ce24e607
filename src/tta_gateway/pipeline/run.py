"""Drive an exchange through its plan: request in order, response in reverse, finish always.

Every step is a plain function that mostly answers at once; then nothing here makes a task or
awaits. A step that returns an awaitable suspends the exchange, and one small task goes on from
there with the same loops.  The edge hears of faults through `fail`.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, TypeAlias, cast

from tta_gateway.kernel.errors import GatewayError
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response, answer_of
from tta_gateway.kernel.policy import Answer, MessageStep, Step
from tta_gateway.kernel.problem import INTERNAL, Problem
from tta_gateway.kernel.rote import PLACE, Rote, Words, words_of
from tta_gateway.kernel.said import Said

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]
Report: TypeAlias = Callable[[Exchange, BaseException], None]
_MOST_WORDS: Final = 1024  # answers that are kept: each about two kilobytes


class Runner:
    """Drives exchanges.  `spawn` runs a suspended one; `report` hears of unexpected errors."""

    def __init__(self, spawn: Spawn, report: Report) -> None:
        """Keep the two ways out of the fast path."""
        self._spawn = spawn
        self._report = report
        self._words: dict[tuple[int, tuple[object, ...], bytes], Words] = {}

    # The request phase

    def begin(self, exchange: Exchange) -> None:
        """Run the request phase, and what follows from it, as far as it goes without waiting."""
        self._enter(exchange, exchange.plan.request)

    def _enter(self, exchange: Exchange, steps: Iterable[tuple[int, Step]]) -> None:
        """Run these steps of the request phase, and what follows from them."""
        entered = 0
        try:
            for entered, step in steps:
                answer = step(exchange)
                exchange.entered = entered
                if answer is not None:
                    self._answered(exchange, answer)
                    return
            exchange.entered = len(exchange.plan.policies)
            exchange.plan.forward(exchange)
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets an answer
            # Those before the one that failed have been entered, with or without a step here.
            exchange.entered = max(exchange.entered, entered - 1)
            self.fail(exchange, error)

    def _answered(self, exchange: Exchange, answer: Answer | Awaitable[Answer]) -> None:
        if not isinstance(answer, (Response, Refusal)):
            self._suspend(exchange, self._go_on(exchange, cast("Awaitable[Answer]", answer)))
            return
        later = self._deferred(exchange, answer)
        if later is None:
            self.respond(exchange, answer.response if isinstance(answer, Refusal) else answer)
            return
        self._suspend(exchange, self._go_on(exchange, later))

    def _deferred(self, exchange: Exchange, answer: Answer) -> Awaitable[Answer] | None:
        """Let the safety scan look at a refused request before the refusal stands."""
        scan = exchange.plan.scan
        if not isinstance(answer, Refusal) or not answer.deferrable or scan is None:
            return None
        if exchange.entered >= scan:
            return None
        return self._scan(exchange, answer.response, scan)

    async def _scan(self, exchange: Exchange, refusal: Response, scan: int) -> Response | None:
        """Ask the scan alone; what it answers stands, else the refusal does, unless it lifts that.

        Then (`exchange.refusal` is None again) the request goes on behind whoever has refused it.
        """
        exchange.refusal = refusal
        step = dict(exchange.plan.request)[scan]
        answer = await _settled(step(exchange))
        if isinstance(answer, Refusal):
            return answer.response
        return answer if answer is not None else _standing(exchange)

    async def _go_on(self, exchange: Exchange, waiting: Awaitable[Answer]) -> None:
        """Go on with the request phase behind a step that had to wait."""
        answer = await waiting
        exchange.suspended = False
        if exchange.aborted or exchange.response is not None:
            return  # the client has gone, or has been answered meanwhile
        if answer is not None:
            self._answered(exchange, answer)
            return
        begun = exchange.entered
        self._enter(exchange, [step for step in exchange.plan.request if step[0] > begun])

    # The response phase

    def respond(self, exchange: Exchange, response: Response) -> bool:
        """Take an answer through the response phase to the client; False if a policy is waiting."""
        exchange.response = response
        # Where many are refused there is no time to word each: bench/refusal.py, 2 µs.
        if response.rote and self._told_by_rote(exchange, response):
            return True
        return self._leave(exchange, exchange.entered)

    def _told_by_rote(self, exchange: Exchange, response: Response) -> bool:
        """Send a refusal in the words of the ones before it; False if there are none."""
        rote, problem = exchange.plan.rote, response.problem
        if rote is None or problem is None or response.fields:  # the lane has said where help is
            return False
        likeness = rote.likeness(exchange)
        if likeness is None:
            return False
        key = (id(problem), rote.worders, likeness)
        words = self._words.get(key)
        if words is None or words.problem is not problem:
            words = self._worded(exchange, rote, problem)
            if words is None:
                return False
            if len(self._words) >= _MOST_WORDS:
                self._words.clear()
            self._words[key] = words
        words.add_to(response, exchange.request_id)
        self._sent(exchange)
        return True

    def _worded(self, exchange: Exchange, rote: Rote, problem: Problem) -> Words | None:
        """Have a problem be worded for nobody; None if it cannot be."""
        whose, answer = exchange.request_id, exchange.response
        worded = exchange.response = answer_of(problem)
        exchange.request_id = PLACE
        words: Words | None = None
        try:
            for number, step in exchange.plan.response:
                if number <= rote.least:
                    step(exchange)
            words = words_of(worded)
        except Exception as error:  # noqa: BLE001 - it fails again, where somebody is told
            self._report(exchange, error)
        exchange.request_id, exchange.response = whose, answer
        return words

    def _leave(self, exchange: Exchange, within: int) -> bool:
        """Run the response phase of the policies up to this number, then send the answer.

        The answer to a fault goes on outwards from the policy that failed: whatever is wrong there,
        the others word and mark it, and nothing runs twice.
        """
        number = within
        try:
            for number, step in exchange.plan.response:
                if number > within:
                    continue
                answer = step(exchange)
                if answer is None:
                    continue
                if not isinstance(answer, Response):
                    assert not isinstance(answer, Refusal)  # it is too late to refuse
                    self._suspend(exchange, self._go_on_leaving(exchange, answer, number))
                    return False
                exchange.response = answer
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets an answer
            exchange.response = self._said_of(exchange, error)
            return self._leave(exchange, number - 1)
        self._sent(exchange)
        return True

    def _sent(self, exchange: Exchange) -> None:
        """Send the answer, or cut where some of it may have been sent."""
        try:
            self._send(exchange)
        except Exception as error:  # noqa: BLE001 - some of it may have been sent: cut
            self.fail(exchange, error)

    async def _go_on_leaving(
        self, exchange: Exchange, waiting: Awaitable[Answer], number: int
    ) -> None:
        """Go on with the response phase behind a step that had to wait.

        Meanwhile an error of ours may have come in the answer's place: it has broken off.
        """
        held = exchange.response
        try:
            answer = await waiting
            assert not isinstance(answer, Refusal)  # it is too late to refuse
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets an answer
            answer = self._said_of(exchange, error)
        exchange.suspended = False
        if exchange.aborted or exchange.finished:
            return
        # What a policy has made of a service's answer that has broken off has no body to come.
        if answer is not None and (answer.local or exchange.response is held):
            exchange.response = answer
        if self._leave(exchange, number - 1) and exchange.attempt is not None:
            exchange.attempt.resume_answer()

    def _send(self, exchange: Exchange) -> None:
        response = exchange.response
        assert response is not None  # respond() has set it
        if response.local and response.body is not None and exchange.attempt is not None:
            exchange.attempt.cancel()  # an answer of ours stands in for what the service still says
        if exchange.wraps is not None:
            # The first to wrap stands next to the service, so it takes the body first.
            for wrap in reversed(exchange.wraps):
                exchange.sink = wrap(exchange.sink)
            body = response.body
            if body is not None and not response.local:
                response.body = None  # it goes the way of the wraps
                exchange.origin.send_head(response)
                exchange.sent += len(body)
                exchange.sink.send_data(body)
                exchange.sink.send_end()
                return
        exchange.origin.send_head(response)

    # Messages, the end, and faults

    def message(self, exchange: Exchange, said: Said) -> Answer | Awaitable[Answer]:
        """Ask the policies about one message of a socket."""
        steps = exchange.plan.reply if said.by_service else exchange.plan.message
        for index, step in enumerate(steps):
            answer = step(exchange, said)
            if answer is None:
                continue
            rest = steps[index + 1 :]
            if isinstance(answer, (Response, Refusal)) and not _is_deferred(exchange, answer, rest):
                return answer
            return self._message_rest(exchange, said, answer, rest)
        return None

    def ask(self, exchange: Exchange, said: Said, told: Callable[[Answer], None]) -> None:
        """Ask likewise; `told` hears the answer, in a turn of its own where one has to wait.

        A fault of a policy is an answer too: a message that it has not looked at does not pass.
        """
        try:
            answer = self.message(exchange, said)
        except Exception as error:  # noqa: BLE001 - whatever fails, somebody waits for the answer
            told(self._said_of(exchange, error))
            return
        if answer is None or isinstance(answer, (Response, Refusal)):
            told(answer)
        else:
            self._spawn(self._ask_later(exchange, answer, told))

    async def _ask_later(
        self, exchange: Exchange, waiting: Awaitable[Answer], told: Callable[[Answer], None]
    ) -> None:
        answer: Answer
        try:
            answer = await waiting
        except Exception as error:  # noqa: BLE001 - whatever fails, somebody waits for the answer
            answer = self._said_of(exchange, error)
        told(answer)

    async def _message_rest(
        self,
        exchange: Exchange,
        said: Said,
        answered: Answer | Awaitable[Answer],
        rest: tuple[MessageStep, ...],
    ) -> Answer:
        """Go on behind a step that has to wait, or whose refusal has to wait for the scan."""
        answer = await _settled(answered)
        while True:
            if isinstance(answer, Refusal) and _is_deferred(exchange, answer, rest):
                answer = await self._scan_message(exchange, said, answer)
            if answer is not None or not rest:
                return answer
            step, rest = rest[0], rest[1:]
            answer = await _settled(step(exchange, said))

    async def _scan_message(self, exchange: Exchange, said: Said, refusal: Refusal) -> Answer:
        """Ask the scan alone, as for a request: what it answers stands, or it lifts the refusal."""
        scan = exchange.plan.message_scan
        assert scan is not None  # _is_deferred has looked
        said.refusal = refusal.response
        answer = await _settled(scan(exchange, said))
        if answer is not None:
            return answer
        return refusal if _stands(said) else None

    def finish(self, exchange: Exchange) -> None:
        """End the exchange: every policy that was entered hears of it, once."""
        if exchange.finished:
            return
        exchange.finished = True
        entered = exchange.entered
        for number, step in exchange.plan.finish:
            if number > entered:
                continue
            try:
                step(exchange)
            except Exception as error:  # noqa: BLE001 - one policy's fault is not the others'
                self._report(exchange, error)

    def fail(self, exchange: Exchange, error: Exception) -> None:
        """Answer a fault: the gateway's own words if nothing has been sent, else the plain cut."""
        response = self._said_of(exchange, error)
        if exchange.aborted or exchange.finished:
            return  # there is nobody to tell
        if exchange.response is not None:
            exchange.origin.abort()
            return
        self.respond(exchange, response)

    def _said_of(self, exchange: Exchange, error: Exception) -> Response:
        """Return what the client is told about a fault; one that nobody expects is reported."""
        if not isinstance(error, GatewayError):
            self._report(exchange, error)
            cause, error = error, GatewayError(INTERNAL)
            error.__cause__ = cause
        exchange.error = error
        return answer_of(error.problem, error.detail)

    def _suspend(self, exchange: Exchange, rest: Coroutine[Any, Any, None]) -> None:
        exchange.suspended = True
        self._spawn(self._guarded(exchange, rest))

    async def _guarded(self, exchange: Exchange, rest: Coroutine[Any, Any, None]) -> None:
        try:
            await rest
        except Exception as error:  # noqa: BLE001 - whatever fails, the client gets an answer
            exchange.suspended = False
            self.fail(exchange, error)
        exchange.origin.flush()


def _standing(exchange: Exchange) -> Response | None:
    """Return the refusal that stands by now; a function, since a step may have lifted it."""
    return exchange.refusal


def _stands(said: Said) -> bool:
    """Tell whether a message is still refused; a function, since a step may have lifted that."""
    return said.refusal is not None


def _is_deferred(exchange: Exchange, answer: Answer, rest: tuple[MessageStep, ...]) -> bool:
    """Tell whether the safety scan, which is still to come, looks before a message is refused."""
    scan = exchange.plan.message_scan
    return scan is not None and isinstance(answer, Refusal) and answer.deferrable and scan in rest


async def _settled(answer: Answer | Awaitable[Answer]) -> Answer:
    """Return an answer that may have had to be waited for."""
    if answer is None or isinstance(answer, (Response, Refusal)):
        return answer
    assert inspect.isawaitable(answer)  # the only other thing that a step may return
    return await answer
