"""What every command reads: the configuration, or why it is no good."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from tta_gateway.kernel.errors import ConfigError
from tta_gateway.support.uncollected import Uncollected

if TYPE_CHECKING:
    from tta_gateway.settings.load import Loaded
    from tta_gateway.settings.tree import Settings
    from tta_gateway.snapshot.model import Snapshot

FILE = click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default="gateway.yaml",
    show_default=True,
    help="The configuration.",
)


def loaded_of(file: Path) -> "Loaded":
    """Return what the file and the environment say, or end with what is wrong with it."""
    with Uncollected():
        from tta_gateway.settings.load import load

    try:
        return load(file, os.environ)
    except ConfigError as error:
        refuse(error)


def snapshot_of(settings: "Settings") -> "Snapshot":
    from tta_gateway.settings.compile import compile_snapshot

    try:
        return compile_snapshot(settings, 1)
    except ConfigError as error:
        refuse(error)


def coverage_of(settings: "Settings") -> list[str]:
    """Return what is scanned, in lines, or end with what is wrong with the help lines."""
    from tta_gateway.settings import coverage

    try:
        return list(coverage.lines(settings))
    except ConfigError as error:
        refuse(error)


def warn(loaded: "Loaded", file: Path) -> None:
    """Say what will not stop the gateway, but somebody should look at."""
    from tta_gateway.settings import called, expiry, exposure, overheard, trust
    from tta_gateway.support.clock import SystemClock

    expired = expiry.warnings(loaded, str(file), now=SystemClock().wall())
    exposed, trusted = exposure.warnings(loaded, str(file)), trust.warnings(loaded, str(file))
    uncalled = called.warnings(loaded, str(file))
    clear = overheard.warnings(loaded.settings, loaded.document, str(file))
    for warning in [*expired, *exposed, *trusted, *clear, *uncalled]:
        click.echo(warning, err=True)


def refuse(error: ConfigError) -> NoReturn:
    """End with everything that is wrong with the configuration."""
    for complaint in error.complaints:
        click.echo(complaint, err=True)
    sys.exit(2)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
