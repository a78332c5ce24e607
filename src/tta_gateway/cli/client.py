"""`tta-gateway client`: clients of OAuth."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_gateway.cli.configured import FILE
from tta_gateway.cli.running import administered

if TYPE_CHECKING:
    from typing import Any, TextIO

_NAME = click.argument("name")


@click.group()
def client() -> None:
    """Look after clients of OAuth: programs that log people in here, and services."""


@client.command("add")
@FILE
@_NAME
@click.option("--public", is_flag=True, help="It can keep no secret: a page, or a program.")
@click.option("--redirect", "redirects", multiple=True, help="Where answers go, to the letter.")
@click.option("--grant", "grants", multiple=True, help="A way to tokens; left out, the usual ones.")
@click.option("--scope", "scopes", multiple=True, help="A scope that it may ask for.")
@click.option("--role", "roles", multiple=True, help="A role of its own; `service` if none is.")
@click.option("--jwks", type=click.File(), help="Its public keys, in place of a secret.")
def add_client(
    *, file: Path, name: str, public: bool, jwks: "TextIO | None", **terms: "tuple[str, ...]"
) -> None:
    """Make a client; its secret is shown once."""
    kind = "public" if public else "confidential"
    body = {"name": name, "kind": kind, "redirect_uris": terms.pop("redirects"), **terms}
    keys = {} if jwks is None else {"jwks": _json(jwks)}
    _show_client(administered(file, "POST", "/clients", {**body, **keys}))


@client.command("list")
@FILE
def list_clients(file: Path) -> None:
    """Show every client: id, name, state, what it may do."""
    for one in administered(file, "GET", "/clients")["clients"]:
        _show_client(one)


@client.command("secret")
@FILE
@_NAME
@click.option("--withdraw", metavar="ID", help="Have this one count no more.")
def change_secret(*, file: Path, name: str, withdraw: str | None) -> None:
    """Give a client another secret beside the one that it has, or withdraw one."""
    path = f"/clients/{name}/secrets"
    if withdraw is None:
        _show_client(administered(file, "POST", path))
    else:
        _show_client(administered(file, "DELETE", f"{path}/{withdraw}"))


@client.command("disable")
@FILE
@_NAME
def disable_client(file: Path, name: str) -> None:
    """Let a client in no more; its sessions and tokens are over."""
    _show_client(administered(file, "POST", f"/clients/{name}/disable"))


@client.command("enable")
@FILE
@_NAME
def enable_client(file: Path, name: str) -> None:
    """Let a client in again."""
    _show_client(administered(file, "POST", f"/clients/{name}/enable"))


@client.command("remove")
@FILE
@_NAME
def remove_client(file: Path, name: str) -> None:
    """Forget a client; its sessions and tokens are over."""
    administered(file, "DELETE", f"/clients/{name}")
    click.echo(f"{name} is no client any more")


def _show_client(told: "dict[str, Any]") -> None:
    """Print a client in a line, and below it a secret that has just been made."""
    told["secrets"] = [one["id"] for one in told["secrets"]]
    may = ("grants", "redirect_uris", "scopes", "roles", "keys", "secrets")
    parts = [told["id"], told["name"], told["kind"], told["state"]]
    parts += [f"{what}: {', '.join(told[what])}" for what in may if told[what]]
    click.echo("  ".join(parts))
    if told.get("secret"):
        click.echo(f"secret, shown this once: {told['secret']}")


def _json(file: "TextIO") -> object:
    """Return what a file says in JSON, or end with that it is none."""
    import json

    try:
        return json.load(file)
    except ValueError as error:
        raise click.UsageError(f"{file.name} is no JSON: {error}") from None
