"""`tta-gateway errors`: what happened behind the errors that clients were told.

It reads the state folder itself, so that it works with control and all stores down: whoever may
read that folder and has the keys is the operator.  That a record is read is kept with it.
"""

import getpass
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from tta_gateway.cli.configured import FILE, loaded_of, snapshot_of
from tta_gateway.cli.running import STATE, state_of


@click.group()
def errors() -> None:
    """Look into what happened behind errors and acts of safety."""


@errors.command("list")
@FILE
@STATE
@click.option("--correlation", default="", help="Only those of this id, as X-Request-ID had it.")
def list_records(*, file: Path, state: str | None, correlation: str) -> None:
    """Show which records there are, the newest first."""
    from tta_gateway.node.error_reading import rows_in

    try:
        found = rows_in(state_of(file, state), correlation)
    except OSError as error:
        _end(str(error))
    for one in found:
        what = f"{one['status'] or '-':>3}  {one['code'] or one['kind']}"
        click.echo(f"{one['id']}  {one['at']}  {one['correlation']}  {what}")
    if not found:
        click.echo("there is no record")


@errors.command("read")
@FILE
@click.argument("id")
@click.option("--reason", required=True, help="Why you read it; it is kept with the record.")
def read_record(*, file: Path, id: str, reason: str) -> None:
    """Show a record as JSON, and who has read it before."""
    from tta_gateway.features.error_records.api import Reader
    from tta_gateway.node.error_reading import opened
    from tta_gateway.support.clock import SystemClock
    from tta_gateway.support.crypto.sealing import NotSealed

    snapshot = snapshot_of(loaded_of(file).settings)
    reader = Reader(f"{getpass.getuser()} at the command line", lambda _: True)
    try:
        found = opened(snapshot, id, reader, reason, SystemClock().wall())
    except NotSealed as error:
        _end(f"nobody can read it: {error}")
    except OSError as error:
        _end(str(error))
    if found is None:
        _end("there is no such record")
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@errors.command("pseudonym")
@FILE
@click.argument("person")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="In UTC; left out, today.")
def show_pseudonym(*, file: Path, person: str, day: datetime | None) -> None:
    """Show what the log calls somebody on a day, by their subject or the id of the user."""
    from tta_gateway.node.key_ring import PEOPLE, key_for
    from tta_gateway.support.clock import SystemClock
    from tta_gateway.support.redaction.pseudonym import pseudonym

    moment = SystemClock().wall() if day is None else day.replace(tzinfo=UTC).timestamp()
    try:
        key = key_for(snapshot_of(loaded_of(file).settings), PEOPLE)
    except OSError as error:
        _end(str(error))
    click.echo(pseudonym(person, int(moment) // 86_400, key))


def _end(why: str) -> NoReturn:
    click.echo(f"errors: {why}", err=True)
    sys.exit(1)
