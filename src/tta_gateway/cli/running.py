"""What is asked of a gateway that runs: by its state folder, or its administration."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_gateway.cli.configured import loaded_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE = click.option(
    "--state-dir",
    "state",
    metavar="STATE_DIR",
    help="The state folder of the running gateway, whatever the configuration says.",
)


def administered(
    file: Path,
    method: str,
    path: str,
    body: "Mapping[str, object] | None" = None,
    *,
    token: str = "",
) -> "dict[str, Any]":
    """Have the administration of a running gateway do something, or end with why it does not."""
    from tta_gateway.node import admin_client

    snapshot = snapshot_of(loaded_of(file).settings)
    if snapshot.admin is None:
        click.echo("there is no administration to ask: `admin` is off", err=True)
        sys.exit(1)
    try:
        state = Path(snapshot.state_dir)
        return admin_client.asked(
            snapshot.admin, state, method, f"/admin/v1{path}", body, token=token
        )
    except OSError as error:
        click.echo(f"the administration of {snapshot.state_dir} does not: {error}", err=True)
        sys.exit(1)


def state_of(file: Path, said: str | None) -> Path:
    """Return the state folder of the running gateway; its file may be broken by now."""
    from tta_gateway.settings.state_dir import state_dir

    return Path(said or state_dir(file, os.environ))


def asked(state: Path, word: str, *, tries: int = 1) -> dict[str, Any]:
    """Have the running gateway of a state folder do something, or end with why it does not."""
    from tta_gateway.node.commands import ask

    try:
        told = ask(state, word)
    except OSError as error:
        if tries > 1:
            time.sleep(0.2)
            return asked(state, word, tries=tries - 1)
        click.echo(f"no gateway runs with the state folder {state}: {error}", err=True)
        sys.exit(1)
    if "error" in told:
        click.echo(told["error"], err=True)
        sys.exit(1)
    return told
