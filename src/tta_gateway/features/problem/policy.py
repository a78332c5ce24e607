"""Word the gateway's own errors."""

from typing import ClassVar, Final

from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.wording import document, fields
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.problem import Problem as Kind
from tta_gateway.kernel.route import Route
from tta_gateway.support.redaction.scrub import scrub

_ID: Final = b'"correlation_id":"'
"""Where an exchange's id stands in a document: in no text of it can this, whose quotes are bare."""
_MOST: Final = 256  # kinds


class Problem:
    """Gives errors their body and fields."""

    name: ClassVar = "problem"
    needs: ClassVar[frozenset[str]] = frozenset({"request_id"})
    gives: ClassVar[frozenset[str]] = frozenset()
    words_alike: ClassVar = True

    def __init__(self, bound: ProblemBound) -> None:
        """Keep the wording's settings."""
        self._bound = bound
        self._general: dict[tuple[str, str], tuple[bytes, bytes]] = {}

    def for_route(self, route: Route | None) -> "Problem":  # noqa: ARG002 - the same everywhere
        """Word every error."""
        return self

    def explain(self) -> str:
        """Say what it does."""
        return "words errors as application/problem+json"

    def on_response(self, exchange: Exchange) -> None:
        """Give an error of ours its body."""
        response = exchange.response
        if response is None or response.problem is None:
            return
        kind = response.problem
        if response.detail is None and response.members is None:
            # Refusing has to cost little where there is too much to do: bench/refusal.py.
            before, after = self._general.get((kind.code, kind.detail)) or self._worded(kind)
            response.body = b"%b%b%b" % (before, exchange.request_id, after)
        else:
            response.body = document(
                kind,
                kind.detail if response.detail is None else scrub(response.detail) or kind.detail,
                request_id=exchange.request_id.decode(),
                bound=self._bound,
                members=response.members,
            )
        response.length = len(response.body)
        response.fields += fields(kind)

    def _worded(self, kind: Kind) -> tuple[bytes, bytes]:
        """Return what stands before an exchange's id and behind it, where all is general."""
        made = document(kind, kind.detail, request_id="", bound=self._bound)
        before, mark, after = made.partition(_ID)
        if len(self._general) < _MOST:
            self._general[(kind.code, kind.detail)] = before + mark, after
        return before + mark, after
