"""The team that is called about people in need: it says on standard error who needs somebody.

Here for people who watch a terminal; in production it is a pager, a mailbox, a tool of theirs.  It
believes what is signed with the secret that it shares with the gateway, and new: whoever can reach
it could otherwise send people after somebody who is not in need.
"""

import hashlib
import hmac
import os
from http import HTTPStatus
from pathlib import Path
from typing import Final

import click
from fastapi import FastAPI, HTTPException, Request
from starlette.types import ASGIApp

from examples.tta.chassis import clock

SECRET_VARIABLE: Final = "TTA_CRISIS_SECRET"  # noqa: S105 - the variable's name
_NEW: Final = 300  # seconds


def build(_: Path) -> ASGIApp:
    """Return the service: it keeps nothing, and whoever it has told has been told."""
    app = FastAPI(title="team")
    app.add_api_route("/health", _health)
    app.add_api_route("/crisis", _called, methods=["POST"], status_code=204, response_model=None)
    return app


def _health() -> dict[str, str]:
    return {"status": "healthy"}


async def _called(request: Request) -> None:
    if not _is_signed(request.headers.get("x-tta-signature", ""), await request.body()):
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "not signed with our secret")
    notice = await request.json()
    click.echo(f"the team is called: {notice['title']}: {notice['link']}", err=True)


def _is_signed(field: str, body: bytes) -> bool:
    """Tell whether a notice is the gateway's, and new."""
    seconds, _, mac = field.removeprefix("t=").partition(",v1=")
    if not seconds.isdecimal() or abs(clock.now().timestamp() - int(seconds)) > _NEW:
        return False
    secret = os.environ[SECRET_VARIABLE].encode()
    ours = hmac.new(secret, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(ours, mac)
