"""Fitness: whether a server that an operator has named is fit for state, or for a cache.

Decides; who asks the server (control, at start) gives it what it says of itself: `INFO server` and
`CONFIG GET *`.  A hosted one may not tell its settings: then that is said.
"""

from collections.abc import Mapping
from typing import Final, Literal

Purpose = Literal["state", "cache"]

OLDEST: Final = (7, 0)
_WAITS_FOR_DISK: Final = (7, 2)  # WAITAOF
_KEY: Final = {"state": "valkey_url", "cache": "cache_url"}


def version(info: str) -> tuple[int, int]:
    """Return the version in the text of INFO, Valkey's where it names both; (0, 0): none."""
    found = {}
    for line in info.splitlines():
        name, _, value = line.partition(":")
        if name in ("valkey_version", "redis_version"):
            numbers = value.strip().split(".")
            found[name] = int(numbers[0]), int(numbers[1])
    return found.get("valkey_version") or found.get("redis_version") or (0, 0)


def complaints(purpose: Purpose, info: str, settings: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a server, one sentence each, and what to write in its settings."""
    key = _KEY[purpose]
    found = []
    if (said := version(info)) < OLDEST:
        found.append(f"{key}: it is version {said[0]}.{said[1]}: 7.0 or newer is needed")
    if not settings:
        found.append(
            f"{key}: it does not tell its settings (CONFIG GET): see to it yourself that "
            f"`maxmemory-policy` is {_WANTED[purpose]}"
        )
        return found
    of = _of_state if purpose == "state" else _of_cache
    return found + [f"{key}: {sentence}" for sentence in of(said, settings)]


_WANTED: Final = {
    "state": "`noeviction`, and that it keeps an append-only file",
    "cache": "one of `allkeys-…`, and `maxmemory` set",
}


def _of_state(said: tuple[int, int], settings: Mapping[str, str]) -> list[str]:
    found = []
    policy = settings.get("maxmemory-policy", "")
    if policy != "noeviction":
        found.append(
            f"it throws state away when it is full (`maxmemory-policy {policy}`): write "
            "`maxmemory-policy noeviction`"
        )
    if settings.get("appendonly") != "yes":
        found.append("it forgets its state when it ends: write `appendonly yes`")
    elif settings.get("appendfsync") != "always" and said < _WAITS_FOR_DISK:
        found.append(
            "not durable: it may lose the last second with the machine's power, and cannot say "
            "what has reached the disk: write `appendfsync always`, or take 7.2 or newer"
        )
    return found


def _of_cache(_: tuple[int, int], settings: Mapping[str, str]) -> list[str]:
    found = []
    policy = settings.get("maxmemory-policy", "")
    if not policy.startswith("allkeys-"):
        found.append(
            f"it refuses what is to be cached when it is full (`maxmemory-policy {policy}`): write "
            "`maxmemory-policy allkeys-lru`"
        )
    if settings.get("maxmemory", "0") == "0":
        found.append("it grows without a limit: write `maxmemory`, for instance `maxmemory 1gb`")
    return found
