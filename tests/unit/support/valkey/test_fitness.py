"""Which servers are fit for what."""

import pytest

from tta_gateway.support.valkey.fitness import Purpose, complaints, version

NEW = "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n"
OLD = "# Server\r\nredis_version:7.0.15\r\n"
STATE = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}
CACHE = {"maxmemory-policy": "allkeys-lru", "maxmemory": "1000000"}


@pytest.mark.parametrize(("info", "said"), [(NEW, (9, 1)), (OLD, (7, 0)), ("", (0, 0))])
def test_the_version_is_the_servers_own(info: str, said: tuple[int, int]) -> None:
    assert version(info) == said


@pytest.mark.parametrize(
    ("purpose", "info", "settings"),
    [
        ("state", NEW, STATE),
        ("state", OLD, {**STATE, "appendfsync": "always"}),
        ("cache", NEW, CACHE),
        ("cache", OLD, {**CACHE, "maxmemory-policy": "allkeys-lfu"}),
    ],
)
def test_a_server_that_is_fit_is_not_complained_about(
    purpose: Purpose, info: str, settings: dict[str, str]
) -> None:
    assert complaints(purpose, info, settings) == []


@pytest.mark.parametrize(
    ("purpose", "info", "settings", "beginning"),
    [
        ("state", "redis_version:6.2.1", STATE, "valkey_url: it is version 6.2: 7.0"),
        ("state", NEW, {**STATE, "maxmemory-policy": "allkeys-lru"}, "valkey_url: it throws"),
        ("state", NEW, {**STATE, "appendonly": "no"}, "valkey_url: it forgets"),
        ("state", OLD, STATE, "valkey_url: not durable"),
        ("state", NEW, {}, "valkey_url: it does not tell its settings"),
        ("cache", NEW, {**CACHE, "maxmemory-policy": "noeviction"}, "cache_url: it refuses"),
        ("cache", NEW, {**CACHE, "maxmemory": "0"}, "cache_url: it grows"),
        ("cache", NEW, {}, "cache_url: it does not tell its settings"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(
    purpose: Purpose, info: str, settings: dict[str, str], beginning: str
) -> None:
    found = complaints(purpose, info, settings)
    assert found[0].startswith(beginning)
