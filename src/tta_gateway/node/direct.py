"""Endpoints that are called past FastAPI: those that need nothing of it but a body that is right.

To find the route, put its parameters together and look at what is returned takes FastAPI longer
than a login itself, and the more where a hash of a password has just emptied the caches.  One that
takes the request and a body, and makes its answer itself, can be called straight away.  What is not
right as it stands goes the usual way, which alone says what is wrong with it.
"""

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.routing import BaseRoute

_JSON: Final = "application/json"
Endpoints: TypeAlias = Mapping[tuple[str, str], "Direct"]
"""By method and path."""


class Direct:
    """Such an endpoint."""

    __slots__ = ("_body", "_call", "_is_optional", "_model", "_request")

    def __init__(
        self,
        call: Callable[..., Awaitable[Response]],
        *,
        request: str,
        body: tuple[str, type[BaseModel]] | None,
        is_optional: bool = False,
    ) -> None:
        """Call this; `request` and `body` are how its parameters are called."""
        self._call = call
        self._request = request
        self._body = body[0] if body else ""
        self._model = body[1] if body else None
        self._is_optional = is_optional

    def answer(self, request: Request, body: bytes) -> Awaitable[Response] | None:
        """Return what answers a request; None if that has to go the usual way."""
        said: dict[str, Any] = {self._request: request} if self._request else {}
        if self._model is None or (self._is_optional and not body):
            return self._call(**said)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            return None
        try:
            said[self._body] = self._model.model_validate_json(body)
        except ValidationError:
            return None
        return self._call(**said)


def directs(routes: Iterable[BaseRoute]) -> Endpoints:
    """Return those of these routes that can be called so."""
    found: dict[tuple[str, str], Direct] = {}
    for route in routes:
        if isinstance(route, APIRoute) and "{" not in route.path and not route.dependencies:
            made = _direct(route.endpoint)
            if made is not None:
                found.update(((method, route.path), made) for method in route.methods or ())
    return found


def _direct(call: Callable[..., Any]) -> Direct | None:
    """Return how an endpoint is called; None if it takes or gives anything else than these."""
    if not inspect.iscoroutinefunction(call):
        return None
    hints = typing.get_type_hints(call, include_extras=True)
    told = hints.pop("return", None)
    if not (isinstance(told, type) and issubclass(told, Response)):
        return None
    requests = [name for name, kind in hints.items() if kind is Request]
    bodies = {name: kind for name, kind in hints.items() if kind is not Request}
    models = [(name, *_model(kind)) for name, kind in bodies.items()]
    if len(requests) > 1 or len(models) > 1:
        return None
    request = requests[0] if requests else ""
    if not models:
        return Direct(call, request=request, body=None)
    name, model, is_optional = models[0]
    if model is None or is_optional != (inspect.signature(call).parameters[name].default is None):
        return None
    return Direct(call, request=request, body=(name, model), is_optional=is_optional)


def _model(kind: object) -> tuple[type[BaseModel] | None, bool]:
    """Return the model that a parameter is of, if it is of one, and whether it may be left out."""
    kinds = [one for one in typing.get_args(kind) or (kind,) if one is not type(None)]
    if len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], BaseModel):
        return kinds[0], kind is not kinds[0]
    return None, False
