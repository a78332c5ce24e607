"""`/api/v1/openapi.json`: the gateway's own public endpoints."""

from collections.abc import Callable

from fastapi import APIRouter

from tta_gateway.features.openapi.public import PATH


def router(document: Callable[[], dict[str, object]]) -> APIRouter:
    """Return the endpoint."""
    made = APIRouter()

    @made.get(PATH)
    async def openapi() -> dict[str, object]:
        """Return the description of the gateway's own endpoints."""
        return document()

    return made
