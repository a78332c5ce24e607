"""Word the gateway's own errors."""

from typing import ClassVar

import msgspec

from tta_gateway.features.problem.body import Body
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.problem import Problem as ProblemKind
from tta_gateway.kernel.route import Route


class Problem:
    """Gives errors their body and fields."""

    name: ClassVar = "problem"
    needs: ClassVar[frozenset[str]] = frozenset({"request_id"})
    gives: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, bound: ProblemBound) -> None:
        """Keep the wording's settings."""
        self._bound = bound
        self._encode = msgspec.json.Encoder().encode

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
        body = self._body(kind, response.detail or kind.detail, exchange.request_id)
        response.body = self._encode(body)
        response.length = len(response.body)
        fields = response.fields
        fields.append((b"content-type", b"application/problem+json"))
        fields.append((b"cache-control", b"no-store"))
        if kind.retry_after is not None:
            fields.append((b"retry-after", b"%d" % kind.retry_after))
        if kind.proxy_error is not None:
            fields.append((b"proxy-status", f"tta-gateway; error={kind.proxy_error}".encode()))

    def _body(self, kind: ProblemKind, detail: str, request_id: bytes) -> Body:
        base = self._bound.base
        return Body(
            type=base if base == "about:blank" else base + kind.code,
            title=kind.title,
            status=kind.status,
            detail=detail,
            code=kind.code,
            correlation_id=request_id.decode(),
            message=detail if self._bound.message else "",
        )
