"""Stores, as operators write them."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.compile import compile_snapshot
from tta_gateway.settings.load import load_text
from tta_gateway.settings.show import show
from tta_gateway.snapshot.model import EmbeddedServer, Snapshot
from tta_gateway.support.valkey.topology import Address, Store

URL = "rediss://:kanarie@h:6379"


def compiled(text: str) -> Snapshot:
    return compile_snapshot(loaded(text).settings, 1)


def test_without_a_url_both_stores_are_embedded() -> None:
    snapshot = compiled("state_dir: /s\n")
    assert snapshot.embedded == (
        EmbeddedServer(name="state", max_memory=256 << 20),
        EmbeddedServer(name="cache", max_memory=64 << 20),
    )
    assert snapshot.state == Store(addresses=(Address(unix="/s/valkey/state.sock"),), embedded=True)
    assert snapshot.cache == Store(addresses=(Address(unix="/s/valkey/cache.sock"),), embedded=True)


def test_how_large_they_get_can_be_said() -> None:
    snapshot = compiled("valkey: {max_memory: 1GiB, cache_memory: 16MiB, durable: true}\n")
    assert snapshot.embedded == (
        EmbeddedServer(name="state", max_memory=1 << 30, durable=True),
        EmbeddedServer(name="cache", max_memory=16 << 20),
    )


@pytest.mark.parametrize(
    ("text", "started"),
    [
        (f"valkey_url: {URL}\n", ["cache"]),
        (f"cache_url: {URL}\n", ["state"]),
        (f"valkey_url: {URL}\ncache_url: rediss://other\n", []),
    ],
)
def test_what_has_a_url_is_not_started(text: str, started: list[str]) -> None:
    assert [server.name for server in compiled(text).embedded] == started


def test_one_server_for_both_is_refused() -> None:
    (complaint,) = complaints(f"valkey_url: {URL}\ncache_url: {URL}\n")
    assert complaint.startswith("gateway.yaml:2:1 cache_url: is the server for state too")


@pytest.mark.parametrize(
    ("url", "key"),
    [("valkey_url", "max_memory"), ("cache_url", "cache_memory")],
)
def test_a_limit_without_its_server_is_refused(url: str, key: str) -> None:
    assert complaints(f"{url}: {URL}\nvalkey: {{{key}: 64MiB}}\n") == [
        f"gateway.yaml:2:10 valkey.{key}: has no effect beside `{url}`: take the line out"
    ]


def test_too_little_memory_is_refused() -> None:
    assert complaints("valkey: {max_memory: 1MiB}\n") == [
        "gateway.yaml:1:10 valkey.max_memory: is too little for a server to live in: write `16MiB` "
        "or more"
    ]


def test_what_is_shown_hides_the_password_alone() -> None:
    first = loaded(f"valkey_url: {URL}\n")
    text = show(first.settings, first.document)
    assert "kanarie" not in text
    again = load_text(text.replace("***", "kanarie"), "again", environ={})
    assert compile_snapshot(again.settings, 1) == compile_snapshot(first.settings, 1)


def test_authorities_that_cannot_serve_are_told_of_when_the_configuration_is_checked() -> None:
    assert complaints("cache_url: rediss://h?ca=/nowhere.pem\n") == [
        "gateway.yaml:1:1 cache_url: names a `ca` that is no good: `/nowhere.pem` cannot be read: "
        "No such file or directory"
    ]


def test_what_stands_in_a_secret_is_not_quoted_for_that() -> None:
    environ = {"STORE": "rediss://h?ca=/nowhere.pem"}
    (line,) = complaints("valkey_url: {env: STORE}\n", environ)
    assert line.endswith(
        "names a `ca` that is no good: `…` cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("url", ["rediss+sentinel://a/tta", "rediss+cluster://a"])
def test_who_serves_for_several_is_found_out_by_control(url: str) -> None:
    text = f"admin: off\nvalkey_url: {url}\ncache_url: rediss://h\n"
    (line,) = complaints(text)
    assert line.startswith("gateway.yaml:2:1 valkey_url: names Sentinels or a cluster, and who ")
    assert complaints(text.replace("admin: off", "admin: 127.0.0.1:9")) == []
