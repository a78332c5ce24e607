"""`tta-gateway apikey`: API keys of programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tta_gateway.cli.configured import FILE, counted
from tta_gateway.cli.running import administered

if TYPE_CHECKING:
    from typing import Any

_DAY: Final = 86_400.0  # seconds
_DAYS = click.option(
    "--days", type=click.FloatRange(0.001, 366), default=90.0, show_default=True, help="How long."
)
_NAME = click.argument("name")


@click.group()
def apikey() -> None:
    """Look after the API keys of programs."""


@apikey.command("add")
@FILE
@_NAME
@click.option("--role", "roles", multiple=True, required=True, help="A role that it has.")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    help="What it is permitted of what the roles hold; left out, all of it.",
)
@_DAYS
def add_api_key(
    *, file: Path, name: str, roles: tuple[str, ...], permissions: tuple[str, ...], days: float
) -> None:
    """Make an API key, and show it this once."""
    lasts = {"lasts": days * _DAY}
    body = {"name": name, "roles": roles, "permissions": permissions, **lasts}
    _show_key(administered(file, "POST", "/apikeys", body))


@apikey.command("list")
@FILE
def list_api_keys(file: Path) -> None:
    """Show every API key, without what is secret."""
    for one in administered(file, "GET", "/apikeys")["keys"]:
        click.echo(_api_key_line(one))


@apikey.command("rotate")
@FILE
@_NAME
@click.option(
    "--overlap-hours",
    type=click.FloatRange(0, 366 * 24),
    default=24.0,
    show_default=True,
    help="How long the key before it counts on.",
)
@_DAYS
def rotate_api_key(*, file: Path, name: str, overlap_hours: float, days: float) -> None:
    """Make the successor of an API key, and show it this once."""
    body = {"overlap": overlap_hours * _DAY / 24, "lasts": days * _DAY}
    _show_key(administered(file, "POST", f"/apikeys/{name}/rotate", body))


@apikey.command("revoke")
@FILE
@_NAME
@click.option("--id", "one", default="", help="Which of its keys; left out, all.")
def revoke_api_key(*, file: Path, name: str, one: str) -> None:
    """Have an API key count no more; what it has opened ends."""
    told = administered(file, "DELETE", f"/apikeys/{name}{f'?id={one}' if one else ''}")
    click.echo(f"{counted(told['revoked'], 'key')} revoked")


def _show_key(told: "dict[str, Any]") -> None:
    """Show a key that has been made: it alone to the standard output, so that it can be taken."""
    click.echo(told["key"])
    click.echo(f"{_api_key_line(told)}\nKeep it now: it is shown this once.", err=True)


def _api_key_line(told: "dict[str, Any]") -> str:
    roles, bound = ", ".join(told["roles"]), ", ".join(told["permissions"])
    state = f"until {told['expires']}" if told["counts"] else "over"
    may = f"{roles}: {bound}" if bound else roles
    return f"{told['name']}  {told['hint']}…  {may}  {state}  {told['id']}"
