"""/api/v1/health/: the platform's deep health checks, which a probe must read with care.

The system's health is HTTP 200 even when its body says "unhealthy".  Readiness raises instead of
answering 503, and its connection is dropped after the 500.  For a demonstration, a caller on this
machine may set what the first one says: POST /debug/health {"status": "unhealthy"}.
"""

from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel

from examples.tta.accounts.account import Login
from examples.tta.chassis import clock
from examples.tta.chassis.database import Shelf, shelf_of

Status = Literal["healthy", "degraded", "unhealthy"]

DEBUG: Final = "/debug/health"
PUBLIC: Final = frozenset(
    {DEBUG, *(f"/api/v1/health/{name}" for name in ("", "liveness", "readiness", "startup"))}
)

router = APIRouter()


class Setting(BaseModel):
    """What the health check is to say."""

    status: Status


@router.get("/api/v1/health/")
def system(
    request: Request, logins: Annotated[Shelf[Login], Depends(shelf_of(Login))]
) -> dict[str, Any]:
    """Say how the service and its store are."""
    began = clock.elapsed()
    logins.get("")  # raises, and so is a 500, if the store is gone
    taken = clock.elapsed() - began
    component = _store(getattr(request.app.state, "health", "healthy"), taken=taken)
    return {"status": component["status"], "components": {"store": component}, "timestamp": None}


@router.get("/api/v1/health/liveness")
def liveness() -> dict[str, str]:
    """Say that the process runs."""
    return {"status": "alive"}


@router.get("/api/v1/health/startup")
def startup() -> dict[str, str]:
    """Say that the process has started."""
    return {"status": "started"}


@router.get("/api/v1/health/readiness")
def readiness() -> None:
    """Fail as the platform does without its graph database."""
    raise RuntimeError("the driver of the graph database has no connection")


@router.post(DEBUG)
def set_health(setting: Setting, request: Request) -> Setting:
    """Make the system's health say something else, for a caller on this machine."""
    assert request.client  # a socket has a peer
    if not ip_address(request.client.host).is_loopback:
        raise HTTPException(404, "Not Found")
    request.app.state.health = setting.status
    return setting


def _store(status: Status, *, taken: float) -> dict[str, Any]:
    return {
        "component": "store",
        "status": status,
        "message": f"The store is {status}",
        "details": {"set_by_hand": status != "healthy"},
        "checked_at": clock.stamp(),
        "response_time_ms": round(taken * 1000, 3),
    }
