"""`GET /admin/v1/registries`: how the registries are that services are looked for in."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from fastapi import APIRouter

from tta_gateway.features.discovery.state import RegistryState


def router(states: Callable[[], Iterable[RegistryState]]) -> APIRouter:
    """Return the endpoint; who may ask is its assembly's to say."""
    made = APIRouter(prefix="/admin/v1")

    @made.get("/registries")
    async def registries() -> dict[str, list[dict[str, object]]]:
        """Return every registry: since when it is reachable, or not, why, and what it knows."""
        return {"registries": [told(one) for one in states()]}

    return made


def told(state: RegistryState) -> dict[str, object]:
    """Return a registry's state as it is told."""
    return {
        "provider": state.provider,
        "services": list(state.services),
        "reachable": state.reachable,
        "since": _time(state.since),
        "last_change": _time(state.changed),
        "last_error": state.error,
        "instances": state.instances,
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
