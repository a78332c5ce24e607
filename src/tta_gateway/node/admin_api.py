"""`/admin/v1`: the node itself, by way of its supervisor's socket."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.concurrency import run_in_threadpool

from tta_gateway.node.commands import ask

Told = dict[str, Any]
_CONFIG = ("configuration", "file", "versions", "refused")


def router(state: Path, stores: Callable[[], dict[str, list[str]]]) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    made = APIRouter(prefix="/admin/v1")

    @made.get("/node")
    async def node() -> Told:
        """Return how the processes of this node are, and what is wrong with its stores."""
        told = await _done(state, "status")
        return {**told, "stores": stores()}

    @made.get("/config")
    async def config() -> Told:
        """Return which configuration is in force, and why the last one was refused, if it was."""
        told = await _done(state, "status")
        return {"refused": [], **{key: told[key] for key in _CONFIG if key in told}}

    @made.post("/config/reload", status_code=202)
    async def reload() -> Told:
        """Have the configuration read again."""
        return await _done(state, "reload")

    @made.post("/workers/restart", status_code=202)
    async def restart() -> Told:
        """Replace every worker by a new one, one after the other."""
        return await _done(state, "restart")

    @made.post("/node/upgrade", status_code=202)
    async def upgrade() -> Told:
        """Become the gateway that is installed now."""
        return await _done(state, "upgrade")

    return made


async def _done(state: Path, word: str) -> Told:
    try:
        told: Told = await run_in_threadpool(ask, state, word)
    except OSError as error:
        raise HTTPException(503, f"The supervisor does not answer: {error}.") from error
    if "error" in told:
        raise HTTPException(409, told["error"])
    return told
