"""`tta-gateway pki`: an authority for development, and certificates of services.

What makes them is imported when a command runs.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

if TYPE_CHECKING:
    from tta_gateway.node.pki import PkiError

_LONGEST: Final = 90  # days that a certificate may last
_folder = click.option(
    "--ca",
    "folder",
    type=click.Path(path_type=Path),
    default="pki",
    show_default=True,
    help="The folder of the authority.",
)


@click.group()
def pki() -> None:
    """Make certificates for development: an authority, and services known by their names."""


@pki.command("init")
@click.option("--trust-domain", "domain", default="tta", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default="pki", show_default=True)
@click.option("--days", type=click.IntRange(1, 825), default=365, show_default=True)
def init_pki(*, domain: str, out: Path, days: int) -> None:
    """Make an authority: `ca.pem`, and `ca.key` for its owner alone."""
    from tta_gateway.node.pki import PkiError, init
    from tta_gateway.support.clock import SystemClock

    try:
        made = init(out, domain, now=SystemClock().wall(), lasts=timedelta(days=days))
    except PkiError as error:
        _end(error)
    for file in made:
        click.echo(file)


@pki.command("issue")
@_folder
@click.option("--service", required=True, help="What it is called: `players`, `prod/players`.")
@click.option("--dns", "names", multiple=True, help="A name by which it is reached.")
@click.option("--ip", "addresses", multiple=True, help="An address by which it is reached.")
@click.option("--days", type=click.IntRange(1, _LONGEST), default=7, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="The folder; that of the authority.")
@click.option("--renew", is_flag=True, help="Make a new certificate for the key that is there.")
def issue_certificate(  # noqa: PLR0913 - what there is to say, each by its name
    *,
    folder: Path,
    service: str,
    names: tuple[str, ...],
    addresses: tuple[str, ...],
    days: int,
    out: Path | None,
    renew: bool,
) -> None:
    """Make the certificate of a service, and its key."""
    from tta_gateway.node.pki import PkiError, id_of, issue_to
    from tta_gateway.support.authority import Wanted
    from tta_gateway.support.clock import SystemClock

    try:
        id = id_of(folder, service)
        wanted = Wanted(id, names=names, addresses=addresses, lasts=timedelta(days=days))
        made = issue_to(
            folder,
            out or folder,
            wanted,
            name=service.replace("/", "-"),
            now=SystemClock().wall(),
            renew=renew,
        )
    except PkiError as error:
        _end(error)
    for file in made:
        click.echo(f"{file}  {id}" if file.suffix == ".pem" else file)


@pki.command("show")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
def show_certificates(files: tuple[Path, ...]) -> None:
    """Say what certificates say: whose they are, until when, and which service they prove."""
    from tta_gateway.node.pki import PkiError, shown

    try:
        for file in files:
            for line in shown(file):
                click.echo(line)
    except PkiError as error:
        _end(error)


def _end(error: "PkiError") -> NoReturn:
    click.echo(str(error), err=True)
    sys.exit(1)
