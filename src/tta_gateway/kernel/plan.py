"""The plan: the policies bound to one route, as the tuples that the driver runs through."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response
from tta_gateway.kernel.policy import BoundPolicy, FinishStep, MessageStep, Step
from tta_gateway.kernel.rote import Rote
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Wording
from tta_gateway.kernel.traffic import STANDARD


class Runner(Protocol):
    """What drives an exchange through its plan."""

    def respond(self, exchange: Exchange, response: Response) -> bool:
        """Take an answer through the response phase to the client.

        False says that a policy is waiting: the head has not left yet, and the body must wait too.
        """

    def finish(self, exchange: Exchange) -> None:
        """End the exchange: every policy that was entered hears of it, once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Policies of one route.

    Each step comes with the number of policies entered once it has run; response and finish are
    already in reverse.  `scan` is where in `request` the safety scan stands, or None: only where it
    stands is a deferrable refusal held until it has looked.  `message` are those that look at what
    clients say, `reply` at what services do, and `message_scan` is that of the scan; `wording` is
    how clients are told of what becomes of it.  `traffic` is the class of its requests where it is
    not known who asks; `rote` are those who word refusals, None if each is worded by itself.
    """

    route: Route | None
    policies: tuple[BoundPolicy, ...]
    request: tuple[tuple[int, Step], ...]
    response: tuple[tuple[int, Step], ...]
    finish: tuple[tuple[int, FinishStep], ...]
    message: tuple[MessageStep, ...]
    reply: tuple[MessageStep, ...]
    wording: Wording | None
    message_scan: MessageStep | None
    scan: int | None
    forward: Callable[[Exchange], None]
    traffic: int = STANDARD
    rote: Rote | None = None
