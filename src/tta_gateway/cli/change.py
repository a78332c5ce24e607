"""`tta-gateway changes`: what needs two people."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_gateway.cli.configured import FILE
from tta_gateway.cli.running import administered

if TYPE_CHECKING:
    from typing import Any

_ID = click.argument("id")
_NOTE = click.option("--note", default="", help="What there is to say to it.")
_TOKEN = click.option(
    "--token",
    envvar="TTA_GATEWAY_TOKEN",
    help="Your own access token; asked for if it is neither here nor in TTA_GATEWAY_TOKEN.",
)


@click.group()
def changes() -> None:
    """Look after changes that need two people: one proposes, another approves."""


@changes.command("list")
@FILE
def list_changes(file: Path) -> None:
    """Show the changes, first those that are to be decided."""
    for one in administered(file, "GET", "/changes")["changes"]:
        click.echo(_change_line(one))


@changes.command("propose")
@FILE
@click.argument("name")
@click.option("--grant", multiple=True, required=True, help="A role to grant.")
@click.option("--reason", required=True, help="Why; who approves reads it.")
@_TOKEN
def propose_change(
    *, file: Path, name: str, grant: tuple[str, ...], reason: str, token: str | None
) -> None:
    """Propose that a user is granted roles."""
    change = {"user": name, "grant": grant}
    body = {"kind": "roles", "change": change, "reason": reason}
    click.echo(_change_line(administered(file, "POST", "/changes", body, token=_own(token))))


@changes.command("approve")
@FILE
@_ID
@_NOTE
@_TOKEN
def approve_change(*, file: Path, id: str, note: str, token: str | None) -> None:
    """Approve what somebody else has proposed: it is made then."""
    _decided(file, id, "approve", note, token)


@changes.command("reject")
@FILE
@_ID
@_NOTE
@_TOKEN
def reject_change(*, file: Path, id: str, note: str, token: str | None) -> None:
    """Reject what somebody else has proposed."""
    _decided(file, id, "reject", note, token)


@changes.command("withdraw")
@FILE
@_ID
@_NOTE
@_TOKEN
def withdraw_change(*, file: Path, id: str, note: str, token: str | None) -> None:
    """Withdraw what you have proposed yourself."""
    _decided(file, id, "withdraw", note, token)


def _decided(file: Path, id: str, step: str, note: str, token: str | None) -> None:
    path, body = f"/changes/{id}/{step}", {"note": note}
    click.echo(_change_line(administered(file, "POST", path, body, token=_own(token))))


def _own(token: str | None) -> str:
    """Return a person's access token, asked for if need be."""
    said: str = token or click.prompt("Your access token", hide_input=True)
    return said.strip()


def _change_line(one: "dict[str, Any]") -> str:
    decided = f"  by {one['decided_by']}" if one["decided_by"] else ""
    return (
        f"{one['id']}  {one['state']}{decided}  {one['summary']}  proposed by "
        f"{one['proposed_by']}, until {one['until']}: {one['reason']}"
    )
