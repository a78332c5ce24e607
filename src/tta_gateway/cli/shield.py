"""`tta-gateway shield`: who is kept out because they attack."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from tta_gateway.cli.configured import FILE
from tta_gateway.cli.running import administered

_UNREAD: Final = (
    "the database does not answer: whom administrators kept out before the last start is not known "
    "yet; `store_unfit` in the log says why"
)
_UNKEPT: Final = (
    "the database does not answer yet: it is written as soon as it does, and until then a full "
    "stop of the gateway forgets it"
)


@click.group()
def shield() -> None:
    """Look after who is kept out because they attack."""


@shield.command("list")
@FILE
def list_blocks(file: Path) -> None:
    """Show who is kept out until when and why, and who is suspected."""
    told = administered(file, "GET", "/shield/blocks")
    for one in told["blocks"]:
        until = datetime.fromtimestamp(one["until"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        who = f"by {one['by']}" if one["by"] else f"time {one['strikes']}"
        click.echo(f"blocked  {one['source']}  until {until}  {who}  {one['cause']}")
    for one in told["suspects"]:
        click.echo(f"suspect  {one['source']}  score {one['score']:g}  {one['cause']}")
    if not told.get("read", True):
        click.echo(_UNREAD, err=True)
    elif not told["blocks"] and not told["suspects"]:
        click.echo("nobody is kept out or suspected")


@shield.command("block")
@FILE
@click.argument("source")
@click.option("--reason", required=True, help="Why; who looks at the list reads it.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.01, 365 * 24 * 60),
    default=60.0,
    show_default=True,
    help="How long.",
)
def block(*, file: Path, source: str, reason: str, minutes: float) -> None:
    """Keep an address, its /24, or of IPv6 its /64 or /48, out for a while."""
    body = {"source": source, "lasts": minutes * 60.0, "reason": reason}
    told = administered(file, "POST", "/shield/blocks", body)
    click.echo(f"{told['source']} is kept out for {minutes:g} minutes")
    if not told.get("kept", True):
        click.echo(_UNKEPT, err=True)


@shield.command("unblock")
@FILE
@click.argument("source")
def unblock(*, file: Path, source: str) -> None:
    """Let an address or network in again, and forget what came of it."""
    told = administered(file, "DELETE", f"/shield/blocks?source={source}")
    was = "is let in again" if told["was_blocked"] else "was not kept out"
    click.echo(f"{told['source']} {was}")
