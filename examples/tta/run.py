"""Start the sample platform, and the gateway in front of it: `python -m examples.tta.run`.

Prints `ready: <url>` and commands to try.  Ctrl-C stops all that was started; if any of it stops by
itself, all of it stops, with a status that says so.
"""

import os
import secrets
import signal
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import click

from examples.tta import configuration
from examples.tta.chassis.limit import CALLS_VARIABLE
from examples.tta.chassis.token import SECRET_VARIABLE
from examples.tta.children import Child, ChildDied, Children
from examples.tta.commands import COMMANDS, variables
from examples.tta.players.roster import ADDRESS_VARIABLE
from examples.tta.team import SECRET_VARIABLE as CRISIS_VARIABLE

INSTANCES: Final = {  # by the name of their blank in gateway.yaml
    "accounts": "accounts",
    "players": "players",
    "worlds_a": "worlds",
    "worlds_b": "worlds",
    "sessions": "sessions",
    "conversation": "conversation",
    "pages": "pages",
    "team": "team",
}
READY: Final = "ready: "
ADMIN: Final = "admin: "
PAUSE: Final = 0.05  # seconds between two looks at what the gateway has printed
LOOKS: Final = 1200
PATIENCE: Final = 10  # seconds for one answer
KEYS: Final = "/.well-known/jwks.json"


@click.command()
@click.option("--port", default=8080, help="The gateway's port; here and below, 0 is any.")
@click.option("--admin-port", default=8081, help="The port of its admin listener.")
@click.option("--probe-port", default=8082, help="The port of its probe listener.")
@click.option("--access", default="10m", help="How long an access token lives.")
@click.option("--state", default=Path("var/demo"), type=click.Path(path_type=Path))
def main(port: int, admin_port: int, probe_port: int, access: str, state: Path) -> None:
    """Run the demonstration until it is interrupted."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    blanks: dict[str, str | int] = {
        "url": f"http://127.0.0.1:{port}",
        "access": access,
        "port": port,
        "admin_port": admin_port,
        "probe_port": probe_port,
        "state_dir": str(state.resolve() / "gateway"),
    }
    try:
        with Children() as children:
            _run(children, blanks, state.resolve())
    except ChildDied as error:
        raise click.ClickException(str(error)) from error


def _run(children: Children, blanks: dict[str, str | int], state: Path) -> None:
    environment = {
        SECRET_VARIABLE: os.environ.get(SECRET_VARIABLE) or secrets.token_urlsafe(32),
        CRISIS_VARIABLE: secrets.token_urlsafe(32),
        CALLS_VARIABLE: "1000000",  # behind the gateway all callers are one: it does the counting
        "no_proxy": "*",  # they talk to one another alone
    }
    blanks.update(_start_services(children, state / "services", environment))
    written = configuration.write(state / "gateway.yaml", blanks)
    arguments = ("tta_gateway", "run", "-c", str(written))
    log = state / "gateway.log"
    gateway = children.start("gateway", *arguments, environment=environment, log=log)
    token = Path(str(blanks["state_dir"])) / "admin.token"
    url, admin = _addresses_in(log, gateway, token)
    _wait_for_keys(url, gateway, log)
    _introduce(url, admin, token)
    raise ChildDied(children.wait())


def _start_services(children: Children, state: Path, environment: dict[str, str]) -> dict[str, str]:
    """Start every service and return where each of them listens."""

    def start(name: str, service: str) -> Child:
        options = ("--name", name.replace("_", "-"), "--state", str(state))
        arguments = ("examples.tta.serve", service, *options)
        return children.start(name, *arguments, environment=environment)

    characters = _address(start("characters", "characters"))
    environment[ADDRESS_VARIABLE] = characters  # dashboards show them
    started = {name: start(name, service) for name, service in INSTANCES.items()}
    return {"characters": characters, **{name: _address(one) for name, one in started.items()}}


def _address(service: Child) -> str:
    return service.first_line().rpartition(" ")[2]


def _addresses_in(log: Path, gateway: Child, token: Path) -> tuple[str, str]:
    """Wait until the gateway says that it is ready; return where, and where its operators go.

    Those need the token, which is there a moment later than the addresses.

    Asking at its port is not enough: where somebody else has that already, they would answer.
    """
    for _ in range(LOOKS):
        if gateway.has_died():
            raise ChildDied(gateway.obituary())
        lines = log.read_text().split("\n")[:-1]  # events may stand before and between them
        said = [_said(lines, word) for word in (READY, ADMIN)]
        if all(said) and token.exists():
            return said[0], said[1]
        time.sleep(PAUSE)
    raise ChildDied(f"gateway did not become ready: see {log}")


def _wait_for_keys(url: str, gateway: Child, log: Path) -> None:
    """Wait until the gateway lets people in: it makes the keys of their tokens a moment later."""
    for _ in range(LOOKS):
        if gateway.has_died():
            raise ChildDied(gateway.obituary())
        connection = HTTPConnection(url.rpartition("/")[2], timeout=PATIENCE)
        try:
            connection.request("GET", KEYS)
            if connection.getresponse().status == HTTPStatus.OK:
                return
        except OSError:
            pass  # as if it had said no
        finally:
            connection.close()
        time.sleep(PAUSE)
    raise ChildDied(f"gateway issues no tokens: see {log}")


def _said(lines: list[str], word: str) -> str:
    return next((line.removeprefix(word) for line in lines if line.startswith(word)), "")


def _introduce(url: str, admin: str, token: Path) -> None:
    click.echo(f"ready: {url}")
    click.echo("\n# Commands to try, in bash and in this folder.")
    click.echo(f"# In a browser, or in two: {url}/together/")
    click.echo(variables(url, admin, token))
    for command in COMMANDS:
        click.echo(f"\n# {command.title}\n{command.shell}")


def _leave(*_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # once is enough: stopping takes a moment
    sys.exit(0)


if __name__ == "__main__":
    main()
