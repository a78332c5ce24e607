"""The document: of all public endpoints, those that clients can reach."""

from collections.abc import Collection, Iterable

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from tta_gateway import __version__

Place = tuple[str, str]


def document(served: Iterable[BaseRoute], reachable: Collection[Place]) -> dict[str, object]:
    """Return the document of what is served; `reachable` are the methods and paths to tell of."""
    told = [
        route
        for route in served
        if isinstance(route, APIRoute)
        and any((method, route.path) in reachable for method in route.methods or ())
    ]
    return get_openapi(
        title="TTA Gateway",
        version=__version__,
        summary="What the gateway itself answers; services have descriptions of their own.",
        routes=told,
    )
