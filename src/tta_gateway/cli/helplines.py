"""`tta-gateway helplines`: which help lines people are shown, and newer ones."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_gateway.cli.configured import FILE, loaded_of, refuse
from tta_gateway.kernel.errors import ConfigError

if TYPE_CHECKING:
    from tta_gateway.features.safety.bound import Line
    from tta_gateway.settings.safety import ResourcesConfig


@click.group()
def helplines() -> None:
    """Look after the help lines that people are shown."""


@helplines.command("list")
@FILE
def list_lines(file: Path) -> None:
    """Show every line, and when somebody has tried it: call those that nobody has."""
    from tta_gateway.settings.safety import compile

    try:
        bound = compile(loaded_of(file).settings.safety)
    except ConfigError as error:
        refuse(error)
    click.echo(f"edition {bound.edition}")
    for code, region in sorted(bound.regions.items()):
        click.echo(f"{code}  emergency {region.emergency}")
        for line in region.lines:
            click.echo(f"{code}  {_way(line)}  {line.name}  {line.verified_on or 'not tried'}")


@helplines.command("fetch")
@FILE
@click.argument("url")
def fetch_lines(*, file: Path, url: str) -> None:
    """Replace your own file (`safety.resources`) by a newer edition, signed with the same key.

    A running gateway reads it at once.  What is not signed, or older, changes nothing: exit 1.
    """
    own = loaded_of(file).settings.safety.resources
    if own is None:
        click.echo("there is no file to replace: write `safety: {resources: …}`", err=True)
        sys.exit(2)
    click.echo(_fetched(own, url))


def _fetched(own: "ResourcesConfig", url: str) -> str:
    """Return what has become of the file, in words; end if it cannot be renewed."""
    import asyncio

    from tta_gateway.features.safety.directory import newer
    from tta_gateway.features.safety.http_directory import HttpDirectory

    place = Path(own.file)
    try:
        found = asyncio.run(newer(HttpDirectory(url), than=place.read_bytes(), key=own.public_key))
        if found is None:
            return f"{own.file} is the newest edition"
        _replace(place, found[0])
    except (OSError, ValueError) as error:
        click.echo(f"{url} {error}", err=True)
        sys.exit(1)
    return f"{own.file} is the edition of {found[1].edition} now"


def _replace(file: Path, data: bytes) -> None:
    """Write a file in one step: whoever reads it reads the one or the other."""
    fd, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(fd, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        Path(beside).chmod(file.stat().st_mode & 0o777)
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink()
        raise


def _way(line: "Line") -> str:
    """Return how a line is reached."""
    ways = (line.call and f"call {line.call}", line.text and f"text {line.text}", line.url)
    return ", ".join(way for way in ways if way)
