"""Inquiries: whether somebody on an open connection may do something, asked as a request is.

What is asked runs through the plan of a route as an exchange of its own: whoever judges requests
judges it.  What goes on behind it, such as a subscription, keeps its exchange open: whoever ends
tunnels, because their token has been withdrawn or a tie of care has ended, ends that too.
"""

from collections.abc import Callable
from typing import ClassVar, Final, Protocol, TypeAlias

from tta_gateway.features.realtime.ear import Noticed
from tta_gateway.kernel.exchange import Exchange, Spliced, Tunnel
from tta_gateway.kernel.message import NO_FIELDS, Fields, RequestHead, Response
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.traffic import CRISIS
from tta_gateway.kernel.verdict import HIGH
from tta_gateway.pipeline.run import Runner

_SWITCHED: Final = 101
_DONE: Final = 204
_FAULT: Final = 1011  # RFC 6455 7.4.1
Params: TypeAlias = dict[str, str]


class Asker(Protocol):
    """Whoever has asked; it hears one of the first two, once, perhaps before `ask` returns."""

    def may(self, inquiry: "Inquiry") -> None:
        """Go on; the inquiry is to be ended, by `done` at once or by `over` later."""

    def may_not(self, inquiry: "Inquiry", response: Response) -> None:
        """Take the refusal; it is ended."""

    def ended(self, inquiry: "Inquiry", code: int, reason: bytes) -> None:
        """Stop what goes on: it is allowed no longer.  Code and reason are those of a Close."""


class Inquiry:
    """One question, and what goes on behind it; the origin of its exchange."""

    __slots__ = ("_asker", "_is_over", "_runner", "exchange", "is_kept", "noticed")

    def __init__(
        self, plan: Plan, head: RequestHead, *, like: Exchange, runner: Runner, asker: Asker
    ) -> None:
        """Ask about this on the connection of another exchange."""
        self.noticed: Noticed | None = None
        self.exchange: Final = Exchange(
            head, origin=self, peer=like.peer, plan=plan, started=like.started
        )
        self.exchange.client = like.client
        self.is_kept = False
        self._runner = runner
        self._asker = asker
        self._is_over = False

    # --- what the asker says ---

    def keep(self) -> None:
        """Go on for as long as it may: until `over`, or until the asker hears that it is ended."""
        if not self._is_over and not self.is_kept:
            self.is_kept = True
            self._runner.respond(self.exchange, Response(_SWITCHED))

    def done(self) -> None:
        """End it well: it was allowed, and is done."""
        if not self._is_over:
            self.is_kept = True
            self._runner.respond(self.exchange, Response(_DONE))
            self.over()

    def over(self) -> None:
        """End it, in whatever state it is; nobody hears of it any more."""
        if not self._is_over:
            self._is_over = True
            self.exchange.aborted = self.exchange.response is None
            self._runner.finish(self.exchange)

    # --- what the pipeline says ---

    def passed(self) -> None:
        """Take that no policy objects."""
        if not self._is_over:
            self._asker.may(self)

    def send_head(self, response: Response) -> None:
        """Take an answer; that to what goes on is our own."""
        if self._is_over or (self.is_kept and response.status in (_SWITCHED, _DONE)):
            return
        if self.is_kept:  # a policy failed in the response phase: nobody may hold it
            self.abort()
            return
        self._is_over = True
        self._runner.finish(self.exchange)
        self._asker.may_not(self, response)

    def dismiss(self, code: int, reason: bytes) -> None:
        """End what goes on."""
        if not self._is_over:
            self.over()
            self._asker.ended(self, code, reason)

    def abort(self) -> None:
        """End what goes on, without a word."""
        self.dismiss(_FAULT, b"a fault of the gateway's")

    def send_interim(self, response: Response) -> None:
        """Let it pass."""

    def send_data(self, data: bytes) -> None:
        """Let it pass: a code is all that clients hear."""

    def send_end(self, trailers: Fields = NO_FIELDS) -> None:
        """Let it pass."""

    def flush(self) -> None:
        """Nobody waits for it."""

    def open_tunnel(self, other: Spliced) -> Tunnel:
        """Refuse: no question asks for another protocol."""
        raise AssertionError(other)

    def pause_upload(self) -> None:
        """There is no body."""

    def resume_upload(self) -> None:
        """There is no body."""


class Sparing:
    """A policy, the last of commands: what somebody at risk says, no limit stops within a budget.

    Whoever may not do a thing at all is refused before anything that may wait is counted.
    """

    name: ClassVar = "sparing"
    needs: ClassVar[frozenset[str]] = frozenset({"traffic"})
    gives: ClassVar[frozenset[str]] = frozenset()
    scans_refused: ClassVar = True

    def for_route(self, route: Route | None) -> "Sparing | None":
        """Act on every command."""
        return None if route is None else self

    def explain(self) -> str:
        """Say what it does."""
        return "has what people at risk say pass limits, within a budget"

    def on_request(self, exchange: Exchange) -> None:
        """Lift a refusal that may wait, where it meets somebody at risk."""
        origin = exchange.origin
        if exchange.refusal is None or not isinstance(origin, Inquiry):
            return
        if origin.noticed is not None and origin.noticed.is_spared:
            exchange.refusal = None


def pass_on(exchange: Exchange) -> None:
    """Tell who has asked that no policy objects: what plans of inquiries lead to."""
    origin = exchange.origin
    assert isinstance(origin, Inquiry)  # no other exchange has such a plan
    origin.passed()


class Inquiries:
    """Asks, by these means."""

    def __init__(self, runner: Runner, *, clock: Callable[[], float]) -> None:
        """Run plans; `clock` is the monotonic one."""
        self._runner = runner
        self._clock = clock

    def ask(
        self,
        plan: Plan,
        head: RequestHead,
        *,
        like: Exchange,
        params: Params,
        asker: Asker,
        noticed: Noticed | None = None,
    ) -> Inquiry:
        """Ask whether this is allowed, on the connection of another exchange.

        `noticed` is what was found in what the client says by it.
        """
        made = Inquiry(plan, head, like=like, runner=self._runner, asker=asker)
        made.noticed = noticed
        if noticed is not None and noticed.level >= HIGH:
            made.exchange.traffic = CRISIS
        return self._begun(made, params)

    def ask_again(
        self, plan: Plan, head: RequestHead, *, like: Exchange, proved: Exchange, asker: Asker
    ) -> Inquiry:
        """Ask a plan that proves nobody: `proved` has said already who it is."""
        made = Inquiry(plan, head, like=like, runner=self._runner, asker=asker)
        made.exchange.principal, made.exchange.traffic = proved.principal, proved.traffic
        return self._begun(made, {})

    def _begun(self, made: Inquiry, params: Params) -> Inquiry:
        made.exchange.started = self._clock()
        made.exchange.params = params
        self._runner.begin(made.exchange)
        return made
