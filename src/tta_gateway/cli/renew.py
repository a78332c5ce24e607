"""`tta-gateway restart` and `upgrade`: new processes, and nobody is refused meanwhile."""

import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from tta_gateway.cli.configured import FILE, counted
from tta_gateway.cli.running import STATE, asked, state_of

_LONGEST_RENEWAL: Final = 600  # seconds


@click.command()
@FILE
@STATE
@click.option("--workers", is_flag=True, help="Replace the workers, one after the other.")
def restart(file: Path, state: str | None, *, workers: bool) -> None:
    """Replace the workers of a running gateway by new ones; nobody is refused meanwhile."""
    if not workers:
        raise click.UsageError("say what: --workers")
    folder = state_of(file, state)
    asked(folder, "restart")
    told = _renewed(folder)
    click.echo(f"{counted(len(told['pids']), 'worker')} replaced")


@click.command()
@FILE
@STATE
def upgrade(file: Path, state: str | None) -> None:
    """Make a running gateway the one that is installed now; nobody is refused meanwhile."""
    folder = state_of(file, state)
    before = asked(folder, "status")["generation"]
    asked(folder, "upgrade")
    told = _renewed(folder, beyond=before)
    click.echo(f"version {told['version']} serves")


def _renewed(state: Path, *, beyond: int = -1) -> dict[str, Any]:
    """Wait until all workers are new; end with the reason if they cannot be."""
    for _ in range(_LONGEST_RENEWAL * 10):
        time.sleep(0.1)
        told = asked(state, "status", tries=5)  # nobody answers while it becomes another
        is_next = told["generation"] > beyond
        refused = told["upgrade"]["refused"] if beyond >= 0 and not is_next else []
        if is_next and told["broken_off"]:
            refused = [told["broken_off"]]
        for complaint in refused:
            click.echo(complaint, err=True)
        if refused:
            sys.exit(1)
        if is_next and not told["renewing"]:
            return told
    click.echo("the workers are not all new after ten minutes: see the log", err=True)
    sys.exit(1)
