"""`tta-gateway routes`, `services` and `docs`: what there is, in lines."""

import sys
from pathlib import Path

import click

from tta_gateway.cli.configured import FILE, loaded_of, snapshot_of


@click.group()
def routes() -> None:
    """Look at the routes."""


@routes.command()
@FILE
@click.argument("method")
@click.argument("path")
@click.option("--host", default="", help="The Host field of the request.")
@click.option("-H", "--header", "headers", multiple=True, help="A field, `name: value`.")
@click.option("--client", default="127.0.0.1", help="Its address; `unix` on a unix socket.")
def explain(
    *, file: Path, method: str, path: str, host: str, headers: tuple[str, ...], client: str
) -> None:
    """Say which route takes a request, and what every policy does with it."""
    loaded = loaded_of(file)
    from tta_gateway.node.explain import explain as explained

    snapshot = snapshot_of(loaded.settings)
    address = "" if client == "unix" else client
    lines = explained(
        snapshot, method=method, target=path, host=host, headers=headers, client=address
    )
    for line in lines:
        click.echo(line)


@click.command()
@FILE
def services(file: Path) -> None:
    """Show every service of a running gateway: endpoints, how they are, and why."""
    from tta_gateway.node import services_text
    from tta_gateway.node.admin_client import told

    snapshot = snapshot_of(loaded_of(file).settings)
    if snapshot.admin is None:
        click.echo("there is no administration to ask: `admin` is off", err=True)
        sys.exit(1)
    try:
        found = told(snapshot.admin, Path(snapshot.state_dir), "/admin/v1/services")
    except OSError as error:
        click.echo(f"the administration of {snapshot.state_dir} does not say: {error}", err=True)
        sys.exit(1)
    for line in services_text.lines(found):
        click.echo(line)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing: exit 1 if a page is out of date.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default="docs/reference",
    show_default=True,
    help="The folder of the pages.",
)
def docs(*, check: bool, into: Path) -> None:
    """Write the reference: settings, errors, metrics, the order of policies."""
    from tta_gateway.node.reference import pages

    stale = [name for name, text in pages().items() if _written(into / name) != text]
    if check and stale:
        click.echo(f"out of date, run `tta-gateway docs`: {', '.join(stale)}", err=True)
        sys.exit(1)
    if not check:
        into.mkdir(parents=True, exist_ok=True)
        for name, text in pages().items():
            (into / name).write_text(text)


def _written(page: Path) -> str:
    """Return what a page says now, nothing where there is none."""
    return page.read_text() if page.exists() else ""
