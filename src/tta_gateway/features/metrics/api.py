"""`/metrics`: what has been counted, for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from tta_gateway.features.metrics.exposition import Exposition


def router(exposition: Exposition) -> APIRouter:
    """Return the endpoint; who may ask is its assembly's to say."""
    made = APIRouter()

    @made.get("/metrics")
    async def metrics(accept: Annotated[str, Header()] = "") -> Response:
        """Return everything that has been counted."""
        content, media_type = exposition.page(accept)
        return Response(content, media_type=media_type)

    return made
