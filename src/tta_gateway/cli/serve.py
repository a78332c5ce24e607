"""`tta-gateway check` and `run`: from a configuration to a gateway that serves."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_gateway.cli.configured import FILE, counted, coverage_of, loaded_of, snapshot_of, warn

if TYPE_CHECKING:
    from tta_gateway.settings.tree import Settings


@click.command()
@FILE
def check(file: Path) -> None:
    """Check the configuration: exit 0, or 2 with every error on a line of its own."""
    loaded = loaded_of(file)
    warn(loaded, file)
    services, routes = len(loaded.settings.services), len(loaded.settings.routes)
    click.echo(f"{file} is good: {counted(services, 'service')}, {counted(routes, 'route')}")
    for line in coverage_of(loaded.settings):
        click.echo(line)


@click.command()
@FILE
@click.option(
    "--kept",
    type=click.Path(path_type=Path),
    metavar="STATE_DIR",
    help="Serve what was accepted last, from this state folder, whatever the file says now.",
)
def run(file: Path, kept: Path | None) -> None:
    """Serve until a signal comes: SIGTERM and Ctrl-C finish what is under way."""
    state = kept
    if state is None:
        loaded = loaded_of(file)
        warn(loaded, file)
        state = Path(loaded.settings.state_dir)
        data = _compiled(loaded.settings)
    else:
        data = _kept(state)
    from tta_gateway.node.beginning import begun
    from tta_gateway.node.supervisor_main import become
    from tta_gateway.snapshot.sealed import compiled
    from tta_gateway.support.clock import SystemClock

    try:
        both = compiled(data, state, begun=begun(data, state, wall=SystemClock().wall))
    except OSError as error:
        click.echo(f"cannot start: {error}", err=True)
        sys.exit(1)
    become(both, file)


def _compiled(settings: "Settings") -> bytes:
    """Return the settings encoded; end if a file or the access log is no good."""
    from tta_gateway.node.log_path import complaint, path_of
    from tta_gateway.snapshot.encode import encode

    snapshot = snapshot_of(settings)
    path = path_of(snapshot)
    words = complaint(path) if path else ""
    if words:
        click.echo(f"cannot start: access_log.path: {words}", err=True)
        sys.exit(1)
    return encode(snapshot)


def _kept(state: Path) -> bytes:
    """Return what is kept in a state folder, or end with why it is not."""
    from tta_gateway.snapshot.sealed import kept

    try:
        return kept(state)
    except OSError as error:
        click.echo(f"cannot start: {error}", err=True)
        sys.exit(1)
