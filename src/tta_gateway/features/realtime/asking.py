"""Asking the store: its scripts and commands, whose failures are Away; and what it answers."""

from collections.abc import Callable, Sequence
from typing import Final

from tta_gateway.features.realtime.broker import Away
from tta_gateway.support.crypto.vault import NoKey, Vault
from tta_gateway.support.valkey.client import Valkey
from tta_gateway.support.valkey.connection import Arg, Reply
from tta_gateway.support.valkey.error import Refused, Unavailable
from tta_gateway.support.valkey.script import Script

PATIENCE: Final = 1.0  # seconds that an answer may take


class Asking:
    """Asks by way of a client, if there is one at the moment."""

    def __init__(self, client: Callable[[], Valkey | None]) -> None:
        """Ask this one, whoever it is then."""
        self._client = client

    async def run(self, script: Script, keys: Sequence[bytes], *args: Arg) -> Reply:
        """Return what a script answers; Away."""
        client = self._asked()
        try:
            return await client.eval(script, keys, args, timeout=PATIENCE)
        except (Unavailable, Refused) as error:
            raise _away(error) from error

    async def command(self, *words: Arg, key: bytes) -> Reply:
        """Return what a command about a key is answered; Away."""
        client = self._asked()
        try:
            return await client.command(*words, key=key, timeout=PATIENCE)
        except (Unavailable, Refused) as error:
            raise _away(error) from error

    def _asked(self) -> Valkey:
        client = self._client()
        if client is None:
            raise Away("there is no store for state", may_be_done=False)
        return client


def _away(error: Unavailable | Refused) -> Away:
    """Return what a failure means: what was refused is not done, what broke off may be."""
    if isinstance(error, Refused):
        return Away(error.code, may_be_done=False)
    return Away(error.reason, may_be_done=error.may_be_done)


def sealed(vault: Vault | None, content: bytes, *, owner: str, whose: str = "") -> bytes:
    """Return content as it is to stand in the store; Away if there is no key, so that it waits."""
    try:
        return content if vault is None else vault.seal(content, owner=owner, whose=whose)
    except NoKey as error:
        raise Away(str(error), may_be_done=False) from error


def bus_of(database: int) -> bytes:
    """Return what names on the bus begin with: Pub/Sub itself knows no databases."""
    return b"tta:channel@%d:" % database if database else b"tta:channel:"


def as_bytes(reply: Reply) -> bytes:
    """Return an answer that is a text."""
    assert isinstance(reply, bytes)  # the scripts say what it is
    return reply


def as_list(reply: Reply) -> list[Reply]:
    """Return an answer that is a list."""
    assert isinstance(reply, list)
    return reply


def as_int(reply: Reply) -> int:
    """Return an answer that is a number."""
    assert isinstance(reply, int)
    return reply
