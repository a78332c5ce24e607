"""Word the gateway's own errors."""

from typing import ClassVar

from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.features.problem.wording import document, fields
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.route import Route


class Problem:
    """Gives errors their body and fields."""

    name: ClassVar = "problem"
    needs: ClassVar[frozenset[str]] = frozenset({"request_id"})
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, bound: ProblemBound) -> None:
        """Keep the wording's settings."""
        self._bound = bound

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
        response.body = document(
            kind,
            response.detail or kind.detail,
            request_id=exchange.request_id.decode(),
            bound=self._bound,
            members=response.members,
        )
        response.length = len(response.body)
        response.fields += fields(kind)
