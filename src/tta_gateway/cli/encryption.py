"""`tta-gateway encryption`: the keys that seal the keys of people.

What reads them is imported when a command runs.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from tta_gateway.cli.configured import FILE, loaded_of, snapshot_of

if TYPE_CHECKING:
    from tta_gateway.support.crypto.key_store import KeyStore


@click.group()
def encryption() -> None:
    """Look after what content that rests is sealed with."""


@encryption.command("status")
@FILE
def show_status(file: Path) -> None:
    """Show how many keys of people, and of journals, each key has sealed, here in `state_dir`."""
    from tta_gateway.node.reporting import FOLDER
    from tta_gateway.support.journal.segment import wrapped_by

    store = _store(file)
    try:
        counts = store.counts()
        journals = Counter(id.hex() for id in wrapped_by(store.state / FOLDER))
    except OSError as error:
        _end(error)
    newest = store.keys.newest.hex()
    for id in [newest, *sorted((counts.keys() | journals.keys()) - {newest})]:
        seals = "  seals" if id == newest else ""
        click.echo(f"{id}  {counts.get(id, 0)} keys  {journals[id]} journals{seals}")
    store.close()


@encryption.command("rewrap")
@FILE
def rewrap_keys(file: Path) -> None:
    """Seal every key of a person with the newest key-encryption key, while the gateway serves."""
    store = _store(file)
    try:
        count = store.rewrap()
    except OSError as error:
        _end(error)
    click.echo(f"{count} keys are sealed anew")
    store.close()


def _store(file: Path) -> "KeyStore":
    from tta_gateway.node.key_ring import ring_of
    from tta_gateway.support.crypto.key_store import KeyStore

    snapshot = snapshot_of(loaded_of(file).settings)
    try:
        return KeyStore(Path(snapshot.state_dir), ring_of(snapshot))
    except OSError as error:
        _end(error)


def _end(error: OSError) -> NoReturn:
    click.echo(f"encryption: {error}", err=True)
    sys.exit(1)
