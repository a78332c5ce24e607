"""Explain a route: the words of `tta-gateway routes explain`, from the parts that a worker uses.

The request goes through the codec, the table and the request phase of the policies, as it would in
a worker; only nothing is sent and nothing is written.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from tta_gateway.features.access_log.bound import AccessLogBound
from tta_gateway.features.split.policy import BoundSplit
from tta_gateway.kernel.exchange import Exchange, Origin
from tta_gateway.kernel.message import Refusal, RequestHead, Response
from tta_gateway.kernel.peer import Peer
from tta_gateway.kernel.policy import Policy
from tta_gateway.kernel.problem import BODY_TOO_LARGE, Problem
from tta_gateway.kernel.route import Route
from tta_gateway.node.explain_breaker import unasked
from tta_gateway.node.policies import bound, policies
from tta_gateway.node.tables import sides, table
from tta_gateway.pipeline.run import Runner
from tta_gateway.routing.local import answer_locally
from tta_gateway.routing.table import Destination
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import SystemClock
from tta_gateway.support.metrics import Registry
from tta_gateway.wire.event import Reset
from tta_gateway.wire.http1_server import ServerCodec


class _Nowhere:
    """Lines that nobody keeps."""

    def put(self, line: bytes) -> None:
        """Forget the line."""


def explain(
    snapshot: Snapshot,
    *,
    method: str,
    target: str,
    host: str,
    headers: Iterable[str],
    client: str = "127.0.0.1",
) -> Iterator[str]:
    """Yield what happens to such a request of a client at this address, a line each."""
    lines = _Nowhere() if bound(snapshot, "access_log", AccessLogBound).enabled else None
    ordered = policies(snapshot, registry=Registry(), lines=lines, clock=SystemClock())
    runner = Runner(_never, _never)
    found = table(sides(snapshot.routes)[0], ordered, runner=runner, forward=_never)
    head = _head(snapshot, method=method, target=target, host=host, headers=list(headers))
    if isinstance(head, Problem):
        yield f"refused before routing: {head.status} {head.code}"
        return
    destination, params = found.find(head)
    exchange = _exchange(destination, params, head, client)
    yield from _place(destination, params)
    answerer, status = _early(exchange, ordered)
    if answerer:
        yield f"answered by {answerer}: {status}"
    else:
        yield from _chosen(exchange)
        yield from _end_seen(exchange)
    yield from _policies(destination.route, ordered, last=answerer)


def _head(
    snapshot: Snapshot, *, method: str, target: str, host: str, headers: list[str]
) -> RequestHead | Problem:
    """Return the head as the codec reads it, or why the codec refuses it."""
    named = any(line.lower().startswith("host:") for line in headers)
    hosts = [] if named and not host else [f"Host: {host or 'localhost'}"]
    lines = [f"{method} {target} HTTP/1.1", *hosts, *headers, "", ""]
    # What the shell gave and is not UTF-8 is sent as it was.
    data = "\r\n".join(lines).encode(errors="surrogateescape")
    event = ServerCodec(snapshot.limits).receive(data)[0]
    if isinstance(event, RequestHead):
        return event
    assert isinstance(event, Reset)  # the blank line is there: it is a head, or refused
    return event.error.problem


def _exchange(
    destination: Destination, params: dict[str, str], head: RequestHead, client: str
) -> Exchange:
    nobody = cast("Origin", None)  # nothing is sent here, so that nobody need be there
    peer = Peer(client, port=0, scheme=b"http", trusted=False)
    exchange = Exchange(head, origin=nobody, peer=peer, plan=destination.plan, started=0.0)
    exchange.params = params
    exchange.upstream_path = destination.upstream_path(params, head.path)
    return exchange


def _place(destination: Destination, params: dict[str, str]) -> Iterator[str]:
    """Yield the route, and what it reads in the path."""
    route = destination.route
    if route is None:
        yield f"no route: {destination.word}"
        return
    yield f"route: {route.name}"
    yield f"path: {route.path}"
    for name, value in params.items():
        yield f"parameter: {name} = {value if value.isprintable() else ascii(value)}"
    yield f"end: {_end(route)}"


def _end(route: Route) -> str:
    """Return what stands at the route's end."""
    if route.maintenance is not None:
        return f"503 service_maintenance: {route.service}"
    if "split" in route.features:
        return "one of several services"
    if route.service:
        return f"service {route.service}"
    if route.redirect:
        return f"redirect {route.redirect_status} to {route.redirect}"
    respond = route.respond
    if respond is not None and respond.missing_service:
        return f"503 routing_service_missing: {respond.missing_service}"
    return f"answer {respond.status}" if respond is not None else "nothing"


def _chosen(exchange: Exchange) -> Iterator[str]:
    """Yield the service of several, and why."""
    for policy in exchange.plan.policies:
        if isinstance(policy, BoundSplit):
            yield f"service: {exchange.service}, {policy.why(exchange)}"


def _early(exchange: Exchange, ordered: Iterable[Policy]) -> tuple[str, int]:
    """Return the policy that answers before the end is reached, and its status; or nobody."""
    plan = exchange.plan
    names = [policy.name for policy in ordered if policy.for_route(plan.route) is not None]
    for number, step in plan.request:
        answer = step(exchange)
        if isinstance(answer, (Response, Refusal)):
            response = answer.response if isinstance(answer, Refusal) else answer
            return names[number - 1], response.status
    return "", 0


def _end_seen(exchange: Exchange) -> Iterator[str]:
    """Yield what the service sees, or where the client is sent, unless the body is too large."""
    request, route = exchange.request, exchange.plan.route
    if route is None:
        return
    if request.length > route.max_body:
        yield f"refused: {BODY_TOO_LARGE.status} {BODY_TOO_LARGE.code}"
    elif route.service and route.maintenance is None:
        yield from unasked(route, exchange.service or route.service)
        method = route.rewrite.method or request.method.decode()
        path = exchange.upstream_path or request.path
        target = path if request.query is None else path + b"?" + request.query
        yield f"upstream sees: {method} {target.decode()}"
    elif route.redirect:
        location = answer_locally(route, exchange).get(b"location") or b""
        yield f"location: {location.decode()}"


def _policies(route: Route | None, ordered: Iterable[Policy], *, last: str) -> Iterator[str]:
    """Yield the word of each policy; behind the last that is asked, none has one."""
    reached = True
    for policy in ordered:
        bound_policy = policy.for_route(route)
        does = bound_policy.explain() if bound_policy is not None else "nothing to do here"
        yield f"policy {policy.name}: {does if reached else 'not reached'}"
        reached = reached and policy.name != last


def _never(*_: object) -> None:
    """Stand where nothing ever comes."""
