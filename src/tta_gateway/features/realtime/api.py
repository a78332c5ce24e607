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
from tta_gateway.features.realtime.errands import ERRANDS, MOST, Answer, Batch, Errands, failed
from tta_gateway.features.realtime.public import BATCH, PLACE

_JSON: Final = "application/json"
_decode: Final = msgspec.json.Decoder().decode


def router(errands: Errands) -> APIRouter:
    """Return the endpoints."""
    made = APIRouter()
    for name, (body, _) in ERRANDS.items():
        _add(made, name, body, _errand(errands, name))
    _add(made, BATCH, Batch, _batch(errands))
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


def _errand(errands: Errands, name: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await _object(request)
        return _answer(failed(BAD_REQUEST) if body is None else await errands.run(name, body))

    return endpoint


def _batch(errands: Errands) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await _object(request)
        commands = None if body is None else body.get("commands")
        if body is None or not isinstance(commands, list) or len(commands) > MOST:
            return _answer(failed(BAD_REQUEST))
        work = [_command(errands, one) for one in commands]
        if body.get("parallel") is True:
            return _answer({"replies": await asyncio.gather(*work)})
        return _answer({"replies": [await one for one in work]})

    return endpoint


async def _command(errands: Errands, command: object) -> Answer:
    """Run one command of several: its answer stands under its name."""
    if not isinstance(command, dict) or len(command) != 1:
        return failed(METHOD_NOT_FOUND)
    ((name, body),) = command.items()
    told = await errands.run(name, body if isinstance(body, dict) else {})
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
