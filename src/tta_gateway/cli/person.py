"""`tta-gateway person`: what the gateway keeps of a person."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from tta_gateway.cli.configured import FILE
from tta_gateway.cli.running import administered

_PARTS: Final = {"keys": "keys of this node", "database": "database", "store": "Valkey"}


@click.group()
def person() -> None:
    """Look after what is kept of a person."""


@person.command("erase")
@FILE
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is kept.")
def erase_person(*, file: Path, name: str, reason: str) -> None:
    """Make what somebody has written unreadable for good: NAME is as incidents say it."""
    made = administered(file, "POST", "/erasures", {"person": name, "reason": reason})
    done = "done here; other nodes follow" if made["here"] else f"{_undone(made)}: see the log"
    click.echo(f"{made['id']}  {made['person']}  {done}")


@person.command("erased")
@FILE
def list_erased(file: Path) -> None:
    """Show whose keys were erased, why and by whom, the newest first."""
    for one in administered(file, "GET", "/erasures")["erasures"]:
        here = "" if one["here"] else f"  {_undone(one)}"
        click.echo(f"{one['at']}  {one['person']}  by {one['by']}: {one['reason']}{here}")


def _undone(one: Mapping[str, Any]) -> str:
    waits = ", ".join(_PARTS.get(part, part) for part in one["waits"])
    return f"not done here yet, is tried again ({waits})"
