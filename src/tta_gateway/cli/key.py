"""`tta-gateway keys`: what signs the gateway's own tokens."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_gateway.cli.configured import FILE
from tta_gateway.cli.running import administered

if TYPE_CHECKING:
    from typing import Any


@click.group()
def keys() -> None:
    """Look after the keys that sign the gateway's own tokens."""


@keys.command("list")
@FILE
def list_keys(file: Path) -> None:
    """Show every key: what it is for, and until when it counts."""
    for line in _key_lines(administered(file, "GET", "/keys")):
        click.echo(line)


@keys.command("rotate")
@FILE
@click.option("--now", is_flag=True, help="Have what the other keys have signed count no more.")
def rotate_keys(*, file: Path, now: bool) -> None:
    """Have another key sign; the tokens of the others count until they expire."""
    for line in _key_lines(administered(file, "POST", "/keys/rotate", {"now": now})):
        click.echo(line)


def _key_lines(told: "dict[str, Any]") -> list[str]:
    return [
        f"{one['id']}  {one['algorithm']}  from {one['signs_from']}  "
        f"until {one['proves_until'] or 'replaced'}{'  signs' if one['signs'] else ''}"
        for one in told["keys"]
    ]
