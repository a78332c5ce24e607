"""Policies: rules on the path, and what they answer.

A policy is made once a process and asked by each route; what it returns (itself, something bound to
the route, or None for "nothing to do here") has any of four methods:

    on_request(exchange)           in order
    on_response(exchange)          in reverse, only those entered; `exchange.response` is the answer
    on_finish(exchange)            in reverse, always, for those entered; nobody waits
    on_message(exchange, said)     for what clients say through sockets, in order; with
                                   `hears_replies`, for what services say too, in reverse

The policy that `scans_refused` is asked about a message that another refuses by a deferrable
refusal, before that stands (`said.refusal`).  A policy that speaks for the gateway in sockets has
`wording` (kernel/said.py); the first of a route does.

Where `on_response` does the same to every problem of the gateway's own, but for the request's id,
the policy `words_alike`, and has `likeness(exchange)` where that depends on something else; where
it does nothing to them it `words_nothing` (kernel/rote.py).

A step returns None (go on), an answer, or an awaitable of either; an exception is a fault.
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol, TypeAlias

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Refusal, Response
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Said

Answer: TypeAlias = Response | Refusal | None
Step: TypeAlias = Callable[[Exchange], Answer | Awaitable[Answer]]
MessageStep: TypeAlias = Callable[[Exchange, Said], Answer | Awaitable[Answer]]
FinishStep: TypeAlias = Callable[[Exchange], None]


class BoundPolicy(Protocol):
    """A policy bound to one route; it has any of the four methods."""

    def explain(self) -> str:
        """Say in one line what it does to an exchange of this route."""


class Policy(Protocol):
    """A rule on the path.  `needs` and `gives` are facts on the exchange, checked at start."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]]
    gives: ClassVar[frozenset[str]]

    def for_route(self, route: Route | None) -> BoundPolicy | None:
        """Bind to a route; None stands for requests that no route takes."""
