"""The command line: `tta-gateway`, one function a command.

Nothing heavy is imported here: each command imports what it needs when it runs.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tta_gateway import __version__
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.support.build import form

if TYPE_CHECKING:
    from tta_gateway.settings.load import Loaded

_file = click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default="gateway.yaml",
    show_default=True,
    help="The configuration.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, prog_name="tta-gateway", message=f"%(prog)s %(version)s, {form()}"
)
def main() -> None:
    """One entry to a therapeutic platform."""


@main.command()
@_file
def check(file: Path) -> None:
    """Check the configuration: exit 0, or 2 with every error on a line of its own."""
    settings = _loaded(file).settings
    services, routes = len(settings.services), len(settings.routes)
    click.echo(f"{file} is good: {_count(services, 'service')}, {_count(routes, 'route')}")


@main.command()
@_file
def run(file: Path) -> None:
    """Serve until a signal comes: SIGTERM and Ctrl-C finish what is under way."""
    loaded = _loaded(file)
    from tta_gateway.node.supervisor_main import become
    from tta_gateway.settings.compile import compile_snapshot
    from tta_gateway.snapshot.encode import encode

    become(encode(compile_snapshot(loaded.settings, 1)), file)


@main.group()
def routes() -> None:
    """Look at the routes."""


@routes.command()
@_file
@click.argument("method")
@click.argument("path")
@click.option("--host", default="", help="The Host field of the request.")
@click.option("-H", "--header", "headers", multiple=True, help="A field, `name: value`.")
@click.option("--client", default="127.0.0.1", help="Its address; `unix` on a unix socket.")
def explain(
    *, file: Path, method: str, path: str, host: str, headers: tuple[str, ...], client: str
) -> None:
    """Say which route takes a request, and what every policy does with it."""
    loaded = _loaded(file)
    from tta_gateway.node.explain import explain as explained
    from tta_gateway.settings.compile import compile_snapshot

    snapshot = compile_snapshot(loaded.settings, 1)
    address = "" if client == "unix" else client
    lines = explained(
        snapshot, method=method, target=path, host=host, headers=headers, client=address
    )
    for line in lines:
        click.echo(line)


@main.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    import json

    from tta_gateway.settings.schema import schema as make

    click.echo(json.dumps(make(), indent=2, ensure_ascii=False))


@config.command()
@_file
def show(file: Path) -> None:
    """Print the configuration that is in force, defaults and environment included."""
    from tta_gateway.settings.show import show as written

    loaded = _loaded(file)
    click.echo(written(loaded.settings, loaded.document), nl=False)


@main.command()
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


def _loaded(file: Path) -> "Loaded":
    """Return what the file and the environment say, or end with what is wrong with it."""
    from tta_gateway.settings.load import load

    try:
        return load(file, os.environ)
    except ConfigError as error:
        for complaint in error.complaints:
            click.echo(complaint, err=True)
        sys.exit(2)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
