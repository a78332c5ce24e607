"""Bind the policies to a route: what has nothing to do there is absent, and costs nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import BoundPolicy, MessageStep, Policy
from tta_gateway.kernel.rote import Rote
from tta_gateway.kernel.route import Route
from tta_gateway.kernel.said import Wording
from tta_gateway.kernel.traffic import STANDARD


def bind(
    policies: Sequence[Policy], route: Route | None, *, forward: Callable[[Exchange], None]
) -> Plan:
    """Return the plan of a route (None: of requests that no route takes)."""
    bound = tuple(found for policy in policies if (found := policy.for_route(route)) is not None)
    return Plan(
        route=route,
        policies=bound,
        request=_steps(bound, "on_request"),
        response=_steps(bound, "on_response")[::-1],
        finish=_steps(bound, "on_finish")[::-1],
        message=tuple(step for _, step in _steps(bound, "on_message")),
        reply=_replies(bound),
        wording=_wording(bound),
        message_scan=_message_scan(bound),
        scan=_scan(bound),
        forward=forward,
        traffic=_traffic(bound),
        rote=_rote(bound),
    )


def _steps(bound: tuple[BoundPolicy, ...], phase: str) -> tuple[tuple[int, Any], ...]:
    """Return a phase's steps, each with how many policies are entered when it has run."""
    return tuple(
        (number, getattr(policy, phase))
        for number, policy in enumerate(bound, start=1)
        if hasattr(policy, phase)
    )


def _replies(bound: tuple[BoundPolicy, ...]) -> tuple[MessageStep, ...]:
    """Return the steps that look at what services say: who looked first hears of it last."""
    hearing = tuple(one for one in bound if getattr(one, "hears_replies", False))
    return tuple(step for _, step in _steps(hearing, "on_message"))[::-1]


def _wording(bound: tuple[BoundPolicy, ...]) -> Wording | None:
    """Return how the gateway speaks for itself in sockets, if there are words for it."""
    for policy in bound:
        found: Wording | None = getattr(policy, "wording", None)
        if found is not None:
            return found
    return None


def _message_scan(bound: tuple[BoundPolicy, ...]) -> MessageStep | None:
    """Return the step that looks at refused messages too, if there is one."""
    for policy in bound:
        if getattr(policy, "scans_refused", False) and hasattr(policy, "on_message"):
            found: MessageStep = policy.on_message
            return found
    return None


def _scan(bound: tuple[BoundPolicy, ...]) -> int | None:
    """Return the number of the policy that looks at refused requests too, if there is one."""
    for number, policy in enumerate(bound, start=1):
        if getattr(policy, "scans_refused", False) and hasattr(policy, "on_request"):
            return number
    return None


def _traffic(bound: tuple[BoundPolicy, ...]) -> int:
    """Return the class that a policy says of the route; of requests that no route takes nobody."""
    for policy in bound:
        found: int | None = getattr(policy, "traffic", None)
        if found is not None:
            return found
    return STANDARD


def _rote(bound: tuple[BoundPolicy, ...]) -> Rote | None:
    """Return who words refusals, up to the first policy of which nobody knows how it does."""
    worders: list[object] = []
    likenesses: list[Callable[[Exchange], bytes]] = []
    least, most = 0, len(bound)
    for number, policy in enumerate(bound, start=1):
        if not hasattr(policy, "on_response") or getattr(policy, "words_nothing", False):
            continue
        if not getattr(policy, "words_alike", False):
            most = number - 1
            break
        worders.append(policy)
        least = number
        if hasattr(policy, "likeness"):
            likenesses.append(policy.likeness)
    return Rote(tuple(worders), tuple(likenesses), least, most) if worders else None
