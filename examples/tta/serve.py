"""Start one service of the sample platform: `python -m examples.tta.serve worlds --name worlds-a`.

It binds 127.0.0.1, prints `ready: <name> <url>` once it answers, and stops at SIGTERM.
"""

import importlib
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Final

import click
import uvicorn

HOST: Final = "127.0.0.1"
GRACE: Final = 1  # seconds that an answer under way may take after SIGTERM
SERVICES: Final = (
    "accounts",
    "players",
    "characters",
    "worlds",
    "sessions",
    "conversation",
    "pages",
    "team",
)


class Announced(uvicorn.Server):
    """A server that says when it answers, and where."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the line that whoever started us waits for."""
        assert sockets  # `main` binds the only one
        await super().startup(sockets)
        host, port = sockets[0].getsockname()
        click.echo(f"ready: {self.config.headers[0][1]} http://{host}:{port}")


@click.command()
@click.argument("service", type=click.Choice(SERVICES))
@click.option("--port", default=0, help="The port to listen on; 0 takes a free one.")
@click.option("--name", help="What X-Instance says; the service's name by default.")
@click.option(
    "--state", type=click.Path(path_type=Path), help="Where data stay; nowhere by default."
)
def main(service: str, port: int, name: str | None, state: Path | None) -> None:
    """Start SERVICE and serve until SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory() as nowhere:
        _serve(service, port=port, name=name or service, state=state or Path(nowhere))


def _serve(service: str, *, port: int, name: str, state: Path) -> None:
    module = importlib.import_module(f"examples.tta.{service}")
    config = uvicorn.Config(
        module.build(state),
        headers=[("X-Instance", name)],
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=GRACE,
    )
    with socket.create_server((HOST, port)) as listener:
        Announced(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
