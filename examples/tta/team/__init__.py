"""The team that is called about people in need: it says on standard error who needs somebody.

Here for people who watch a terminal; in production it is a pager, a mailbox, a tool of theirs.
"""

from pathlib import Path

import click
from fastapi import FastAPI, Request
from starlette.types import ASGIApp


def build(_: Path) -> ASGIApp:
    """Return the service: it keeps nothing, and whoever it has told has been told."""
    app = FastAPI(title="team")
    app.add_api_route("/health", _health)
    app.add_api_route("/crisis", _called, methods=["POST"], status_code=204, response_model=None)
    return app


def _health() -> dict[str, str]:
    return {"status": "healthy"}


async def _called(request: Request) -> None:
    notice = await request.json()
    click.echo(f"the team is called: {notice['title']}: {notice['link']}", err=True)
