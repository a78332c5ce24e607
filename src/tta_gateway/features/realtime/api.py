"""`/api/v1/realtime/…`: services publish, and ask what is there (Centrifugo's HTTP API).

What cannot be done is told in the answer's `error`, with status 200: its libraries expect that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tta_gateway.features.realtime.codes import BAD_REQUEST, METHOD_NOT_FOUND
from tta_gateway.features.realtime.public import BATCH, PLACE
from tta_gateway.features.realtime.server_api import CALLS, MOST, Answer, Batch, ServerApi, failed

_JSON: Final = "application/json"
_decode: Final = msgspec.json.Decoder().decode


def router(api: ServerApi) -> APIRouter:
    """Return the endpoints."""
    made = APIRouter()
    for name, (body, _) in CALLS.items():
        _add(made, name, body, _call(api, name))
    _add(made, BATCH, Batch, _batch(api))
    return made


Endpoint = Callable[[Request], Awaitable[Response]]


def _add(made: APIRouter, name: str, body: type[BaseModel], endpoint: Endpoint) -> None:
    schema = {"schema": body.model_json_schema()}
    made.add_api_route(
        f"{PLACE}/{name}",
        endpoint,
        methods=["POST"],
        operation_id=f"realtime_{name}",
        description=body.__doc__,
        openapi_extra={"requestBody": {"required": True, "content": {_JSON: schema}}},
    )


def _call(api: ServerApi, name: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await _object(request)
        return _answer(failed(BAD_REQUEST) if body is None else await api.run(name, body))

    return endpoint


def _batch(api: ServerApi) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await _object(request)
        commands = None if body is None else body.get("commands")
        if body is None or not isinstance(commands, list) or len(commands) > MOST:
            return _answer(failed(BAD_REQUEST))
        work = [_command(api, one) for one in commands]
        if body.get("parallel") is True:
            return _answer({"replies": await asyncio.gather(*work)})
        return _answer({"replies": [await one for one in work]})

    return endpoint


async def _command(api: ServerApi, command: object) -> Answer:
    """Run one command of several: its answer stands under its name."""
    if not isinstance(command, dict) or len(command) != 1:
        return failed(METHOD_NOT_FOUND)
    ((name, body),) = command.items()
    told = await api.run(name, body if isinstance(body, dict) else {})
    return {name: told["result"]} if "result" in told else told


async def _object(request: Request) -> Mapping[str, Any] | None:
    """Return the object that the body is, or None."""
    try:
        found = _decode(await request.body())
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _answer(told: Answer) -> Response:
    return Response(msgspec.json.encode(told), media_type=_JSON)
