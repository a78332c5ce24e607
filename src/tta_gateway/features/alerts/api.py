"""`/admin/v1/alerts`: what fires now."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter


def router(told: Callable[[], dict[str, Any]]) -> APIRouter:
    """Return the endpoint; who may ask is its assembly's to say."""
    made = APIRouter(prefix="/admin/v1")

    @made.get("/alerts")
    async def alerts() -> dict[str, Any]:
        """Return the alerts that are not over, and how the sinks do that hear of them."""
        return told()

    return made
