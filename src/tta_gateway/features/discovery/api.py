"""`GET /admin/v1/registries`: how the registries are that services are looked for in."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from fastapi import APIRouter

from tta_gateway.features.discovery.state import RegistryState
from tta_gateway.kernel.registered import Refused
from tta_gateway.kernel.standing import RefusedInstance


class Claims(Protocol):
    """What becomes of the routes that instances declare."""

    def had(self, source: str) -> Iterable[tuple[str, str]]:
        """Return the services and names of the routes of a source that are taken."""

    def refused(self, source: str) -> Iterable[Refused]:
        """Return those that are not, and why."""


Left: TypeAlias = Callable[[str], Iterable[RefusedInstance]]
"""Returns the instances of a source that are not taken, and why."""


def router(states: Callable[[], Iterable[RegistryState]], claims: Claims, left: Left) -> APIRouter:
    """Return the endpoint; who may ask is its assembly's to say."""
    made = APIRouter(prefix="/admin/v1")

    @made.get("/registries")
    async def registries() -> dict[str, list[dict[str, object]]]:
        """Return every registry: since when it is reachable, or not, why, and what it knows."""
        return {"registries": [told(one, claims, left) for one in states()]}

    return made


def told(state: RegistryState, claims: Claims, left: Left) -> dict[str, object]:
    """Return a registry's state as it is told."""
    return {
        "provider": state.provider,
        "services": list(state.services),
        "reachable": state.reachable,
        "since": _time(state.since),
        "last_change": _time(state.changed),
        "last_error": state.error,
        "fault": state.fault,
        "faults": state.faults,
        "instances": state.instances,
        "unconfirmed": list(state.unconfirmed),
        "routes": [
            {"service": service, "route": route} for service, route in claims.had(state.provider)
        ],
        "refused_routes": [
            {"service": one.service, "route": one.route, "reason": one.reason}
            for one in claims.refused(state.provider)
        ],
        "refused_instances": [
            {"service": one.service, "endpoint": one.endpoint, "reason": one.reason}
            for one in left(state.provider)
        ],
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
