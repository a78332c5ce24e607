"""Answers to what the hub asks of policies, in the words of its protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tta_gateway.features.realtime.codes import (
    CONNECTION_EXPIRED,
    FORBIDDEN,
    INTERNAL,
    INVALID_TOKEN,
    PERMISSION_DENIED,
    SUBSCRIPTION_EXPIRED,
    TOKEN_EXPIRED,
    TOO_MANY,
    TOO_MANY_REQUESTS,
    UNSUBSCRIBED,
    Disconnection,
    Unsubscription,
)
from tta_gateway.features.realtime.doorkeeper import Verdict
from tta_gateway.kernel.message import Response
from tta_gateway.node.hub_visitor import Visitor
from tta_gateway.node.inquiry import Inquiry

EXPIRED: Final = "identity_token_expired"
_UNPROVED: Final = (400, 401)
_FORBIDDEN: Final = (403, 404, 451)
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500
_MISSING: Final = "identity_token_missing"
_SESSION_OVER: Final = 1008  # features/identity/open_streams.py: nobody should come back as that
T = TypeVar("T")


class Answer:
    """Takes the answer to an inquiry, which may come at once or later."""

    __slots__ = ("_dismissed", "_future", "is_there", "response")

    def __init__(self, dismissed: Callable[[Inquiry, int], None] = lambda _, __: None) -> None:
        self.is_there = False
        self.response: Response | None = None
        """the refusal, if it is one"""
        self._dismissed = dismissed
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for it."""
        if not self.is_there:
            self._future = asyncio.get_running_loop().create_future()
            await self._future

    def may(self, inquiry: Inquiry) -> None:  # noqa: ARG002 - a port
        """Take that it is allowed."""
        self._answered(None)

    def may_not(self, inquiry: Inquiry, response: Response) -> None:  # noqa: ARG002 - likewise
        """Take that it is not."""
        self._answered(response)

    def ended(self, inquiry: Inquiry, code: int, reason: bytes) -> None:  # noqa: ARG002 - likewise
        """Take that what goes on is allowed no longer."""
        self._dismissed(inquiry, code)

    def _answered(self, response: Response | None) -> None:
        self.is_there, self.response = True, response
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


class Again:
    """Takes whether somebody who reads a channel may go on, now that they have shown a new token.

    They read on until the answer is there: nothing is missed meanwhile.
    """

    __slots__ = ("_before", "_channel", "_parted", "_visitor")

    def __init__(
        self, visitor: Visitor, channel: str, parted: Callable[[str, Unsubscription], None]
    ) -> None:
        self._visitor = visitor
        self._channel = channel
        self._before = visitor.reading[channel]
        self._parted = parted

    def may(self, inquiry: Inquiry) -> None:
        """Go on by this inquiry."""
        if self._visitor.reading.get(self._channel) is not self._before:
            inquiry.over()  # they have left meanwhile
            return
        self._visitor.leave(self._channel)
        self._visitor.reading[self._channel] = inquiry
        inquiry.keep()

    def may_not(self, inquiry: Inquiry, response: Response) -> None:  # noqa: ARG002 - a port
        """End it; where it only cannot be told now, what was shown before holds to its end."""
        if response.status == _TOO_MANY or response.status >= _SERVER_ERRORS:
            return
        if self._visitor.reading.get(self._channel) is self._before:
            is_final = response.status in _FORBIDDEN
            self._parted(self._channel, UNSUBSCRIBED if is_final else SUBSCRIPTION_EXPIRED)

    def ended(self, inquiry: Inquiry, code: int, reason: bytes) -> None:  # noqa: ARG002 - likewise
        """End it."""
        self._parted(self._channel, why_parted(inquiry, code))


def settled(
    answer: Answer, then: Callable[[], T | Awaitable[T]], inquiry: Inquiry
) -> T | Awaitable[T]:
    """Return what follows from an answer: at once, if it is there."""
    return then() if answer.is_there else _later(answer, then, inquiry)


async def _later(answer: Answer, then: Callable[[], T | Awaitable[T]], inquiry: Inquiry) -> T:
    try:
        await answer.wait()
    except BaseException:  # nobody waits for it any more
        inquiry.over()
        raise
    found = then()
    return await found if isinstance(found, Awaitable) else found


def why_not(response: Response) -> Verdict:
    """Return what a refusal of a command says in the words of the protocol."""
    if response.status in _UNPROVED:
        code = "" if response.problem is None else response.problem.code
        # who connects again shows who it is again; who shows nobody, or too little, does it in vain
        is_of_token = code.startswith("identity_") and code != _MISSING
        return CONNECTION_EXPIRED if is_of_token else PERMISSION_DENIED
    if response.status in _FORBIDDEN:
        return PERMISSION_DENIED
    return TOO_MANY_REQUESTS if response.status == _TOO_MANY else INTERNAL


def why_not_connect(response: Response) -> Verdict:
    """Return what a refusal of a connection says in the words of the protocol."""
    if response.problem is not None and response.problem.code == EXPIRED:
        return TOKEN_EXPIRED
    if response.status in _UNPROVED:
        return INVALID_TOKEN
    if response.status in _FORBIDDEN:
        return FORBIDDEN
    return TOO_MANY if response.status == _TOO_MANY else INTERNAL


def why_parted(inquiry: Inquiry, code: int) -> Unsubscription:
    """Return how a subscription ends that is allowed no longer.

    For good only where it is the channel that is theirs no more.  If it is the token that counts
    no more, their connection ends too; with a new one they read on.
    """
    error = inquiry.exchange.error
    is_of_token = error is not None and error.problem.code.startswith("identity_")
    is_final = code == _SESSION_OVER and not is_of_token
    return UNSUBSCRIBED if is_final else SUBSCRIPTION_EXPIRED


def farewell(code: int) -> Disconnection:
    """Return how a connection ends that is allowed no longer."""
    return INVALID_TOKEN if code == _SESSION_OVER else CONNECTION_EXPIRED
