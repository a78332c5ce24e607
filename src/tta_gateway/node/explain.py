"""Explain a route: the words of `tta-gateway routes explain`, from the parts that a worker uses."""

from collections.abc import Iterable, Iterator

from tta_gateway.kernel.message import RequestHead
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.route import Route
from tta_gateway.node.assemble_worker import policies, table
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.table import Destination
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry
from tta_gateway.wire.http1_server import ServerCodec


class _Nowhere:
    """Lines that nobody keeps."""

    def put(self, line: bytes) -> None:
        """Forget the line."""


def explain(
    snapshot: Snapshot, *, method: str, target: str, host: str, headers: Iterable[str]
) -> Iterator[str]:
    """Yield what happens to such a request, a line each."""
    ordered = policies(snapshot, registry=Registry(), lines=_Nowhere(), clock=SystemClock())
    runner = Runner(_never, _never)
    found = table(snapshot.routes, ordered, runner=runner, forward=_never)
    head = _head(snapshot, method=method, target=target, host=host, headers=headers)
    if isinstance(head, str):
        yield f"refused before routing: {head}"
        return
    destination, params = found.find(head)
    yield from _place(destination, params, head)
    yield from _policies(destination, ordered)


def _head(
    snapshot: Snapshot, *, method: str, target: str, host: str, headers: Iterable[str]
) -> RequestHead | str:
    """Return the head as the codec reads it, or why the codec refuses it."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or 'localhost'}", *headers, "", ""]
    event = ServerCodec(snapshot.limits).receive("\r\n".join(lines).encode())[0]
    if isinstance(event, RequestHead):
        return event
    error = getattr(event, "error", None)
    return error.problem.code if error is not None else "the head is not complete"


def _place(destination: Destination, params: dict[str, str], head: RequestHead) -> Iterator[str]:
    route = destination.route
    if route is None:
        yield f"no route: {destination.word}"
        return
    yield f"route: {route.name}"
    yield f"path: {route.path}"
    for name, value in params.items():
        yield f"parameter: {name} = {value}"
    yield f"end: {_end(route)}"
    if route.service:
        path = destination.upstream_path(params, head.path) or head.path
        sent = route.rewrite.method or head.method.decode()
        yield f"upstream sees: {sent} {path.decode('latin-1')}"


def _end(route: Route) -> str:
    """Return what stands at the route's end."""
    if route.service:
        return f"service {route.service}"
    if route.redirect:
        return f"redirect {route.redirect_status} to {route.redirect}"
    respond = route.respond
    if respond is not None and respond.missing_service:
        return f"503 routing_service_missing: {respond.missing_service}"
    return f"answer {respond.status}" if respond is not None else "nothing"


def _policies(destination: Destination, ordered: Iterable[Policy]) -> Iterator[str]:
    for policy in ordered:
        bound = policy.for_route(destination.route)
        does = bound.explain() if bound is not None else "nothing to do here"
        yield f"policy {policy.name}: {does}"


def _never(*_: object) -> None:
    """Stand where nothing ever comes."""
