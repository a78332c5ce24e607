"""Bind the policies to a route: what has nothing to do there is absent, and costs nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.plan import Plan
from tta_gateway.kernel.policy import BoundPolicy, Policy
from tta_gateway.kernel.route import Route


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
        scan=_scan(bound),
        forward=forward,
    )


def _steps(bound: tuple[BoundPolicy, ...], phase: str) -> tuple[tuple[int, Any], ...]:
    """Return a phase's steps, each with how many policies are entered when it has run."""
    return tuple(
        (number, getattr(policy, phase))
        for number, policy in enumerate(bound, start=1)
        if hasattr(policy, phase)
    )


def _scan(bound: tuple[BoundPolicy, ...]) -> int | None:
    """Return the number of the policy that looks at refused requests too, if there is one."""
    for number, policy in enumerate(bound, start=1):
        if getattr(policy, "scans_refused", False):
            return number
    return None
