"""The command `tta-gateway`, with every group of it."""

import atexit
import gc

import click

from tta_gateway import __version__
from tta_gateway.cli.api_key import apikey
from tta_gateway.cli.change import changes
from tta_gateway.cli.client import client
from tta_gateway.cli.config import config
from tta_gateway.cli.encryption import encryption
from tta_gateway.cli.errors import errors
from tta_gateway.cli.helplines import helplines
from tta_gateway.cli.key import keys
from tta_gateway.cli.look import docs, routes, services
from tta_gateway.cli.person import person
from tta_gateway.cli.pki import pki
from tta_gateway.cli.renew import restart, upgrade
from tta_gateway.cli.safety import safety
from tta_gateway.cli.serve import check, run
from tta_gateway.cli.shield import shield
from tta_gateway.cli.user import user
from tta_gateway.support.build import form


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, prog_name="tta-gateway", message=f"%(prog)s %(version)s, {form()}"
)
def main() -> None:
    """One entry to a therapeutic platform."""
    # To look for cycles in what goes with the process takes longer than many a command.
    atexit.register(gc.freeze)


for _command in (
    *(check, run, config, routes, services, docs, restart, upgrade),
    *(
        user,
        keys,
        apikey,
        client,
        changes,
        pki,
        shield,
        encryption,
        helplines,
        safety,
        person,
        errors,
    ),
):
    main.add_command(_command)
