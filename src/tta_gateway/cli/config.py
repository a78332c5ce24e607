"""`tta-gateway config`: what is written, what is in force."""

import sys
from pathlib import Path

import click

from tta_gateway.cli.configured import FILE, loaded_of
from tta_gateway.cli.running import STATE, asked, state_of


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    import json

    from tta_gateway.settings.schema import schema as make

    click.echo(json.dumps(make(), indent=2, ensure_ascii=False))


@config.command()
@FILE
def show(file: Path) -> None:
    """Print the configuration that is in force, defaults and environment included."""
    from tta_gateway.settings.show import show as written

    loaded = loaded_of(file)
    click.echo(written(loaded.settings, loaded.document), nl=False)


@config.command()
@FILE
@STATE
def status(file: Path, state: str | None) -> None:
    """Say which configuration is in force: exit 0, or 1 if the last one was refused."""
    told = asked(state_of(file, state), "status")
    click.echo(f"version {told['configuration']} of {told['file']} is in force")
    for complaint in told.get("refused", []):
        click.echo(f"refused: {complaint}", err=True)
    sys.exit(1 if "refused" in told else 0)
