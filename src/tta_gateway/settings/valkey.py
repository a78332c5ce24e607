"""Valkey, as operators write it: where it is, or how large the embedded one may get."""

from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator

from tta_gateway.settings.certificate import trusted
from tta_gateway.settings.secret import Holds, Secret, without
from tta_gateway.settings.shorthand import URL
from tta_gateway.settings.valkey_url import ValkeyUrl, valkey_url
from tta_gateway.snapshot.model import EmbeddedServer
from tta_gateway.support.config import Config, Size
from tta_gateway.support.valkey.topology import Address, Store

_LEAST: Final = 16 * 1024 * 1024


def _enough(memory: int) -> int:
    if memory < _LEAST:
        raise ValueError("is too little for a server to live in: write `16MiB` or more")
    return memory


StoreUrl: TypeAlias = Annotated[Secret[ValkeyUrl], Holds(valkey_url, shown=str, schema=URL)]
Memory: TypeAlias = Annotated[Size, AfterValidator(_enough)]


class ValkeyConfig(Config):
    """The embedded Valkey, which serves where no URL names another."""

    max_memory: Memory = 256 * 1024 * 1024
    """How much state it may hold; beyond that writes are refused, and nothing is thrown away."""

    cache_memory: Memory = 64 * 1024 * 1024
    """How much it may cache; beyond that goes what has not been used for longest."""

    durable: bool = False
    """Whether every write of state waits for the disk; else the last second may be lost with the
    machine's power."""


def is_one_server(state: Secret[ValkeyUrl] | None, cache: Secret[ValkeyUrl] | None) -> bool:
    """Tell whether both name one, wherever their URLs stand."""
    return state is not None and cache is not None and state.value.store == cache.value.store


def unfollowed(url: Secret[ValkeyUrl] | None) -> bool:
    """Tell whether it has to be found out who serves, which is what control does."""
    return url is not None and url.value.store.topology is None


def unread(url: Secret[ValkeyUrl] | None) -> str:
    """Return why the file of a URL's `ca` cannot serve, in words; nothing if it can."""
    if url is None or not url.value.store.login.ca:
        return ""
    ca = url.value.store.login.ca
    try:
        trusted(ca)
    except ValueError as error:
        words = str(error) if isinstance(url.shown, str) else without(str(error), ca)
        return f"names a `ca` that is no good: {words}"
    return ""


def embedded(
    config: ValkeyConfig, *, state: Secret[ValkeyUrl] | None, cache: Secret[ValkeyUrl] | None
) -> tuple[EmbeddedServer, ...]:
    """Return the servers that the supervisor is to start."""
    servers = []
    if state is None:
        servers.append(
            EmbeddedServer(name="state", max_memory=config.max_memory, durable=config.durable)
        )
    if cache is None:
        servers.append(EmbeddedServer(name="cache", max_memory=config.cache_memory))
    return tuple(servers)


def store(url: Secret[ValkeyUrl] | None, *, socket: Path) -> Store:
    """Return the store of a URL, or the embedded one behind its socket."""
    if url is not None:
        return url.value.store
    return Store(addresses=(Address(unix=str(socket)),), embedded=True)
