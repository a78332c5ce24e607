"""Who the client is: the neighbour's own address, or the word of a proxy that is trusted."""

from collections.abc import Iterator

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.clients import Client, Field
from tests.helpers.gateway import free_port
from tests.helpers.scripted_upstream import Call, Head

pytestmark = pytest.mark.e2e

SPOOFED: list[Field] = [
    (b"X-Forwarded-For", b"203.0.113.7, 198.51.100.1"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Host", b"bank.example"),
    (b"X-Forwarded-Port", b"443"),
    (b"X-Real-IP", b"203.0.113.7"),
    (b"Forwarded", b"for=203.0.113.7;proto=https"),
    (b"X-Original-URL", b"/admin"),
]
PROXY, STRANGER = "127.0.0.5", "127.0.0.6"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway that believes one neighbour, and another network behind it."""
    listen = {
        "address": f"127.0.0.1:{free_port()}",
        "trusted_proxies": [PROXY, "198.51.100.0/24"],
    }
    path = tmp_path_factory.mktemp("proxied")
    with scripted() as upstream, stage(path, upstream=upstream, listen=[listen]) as running:
        yield running


def seen(one: Stage, *, source: str, fields: list[Field]) -> tuple[Head, dict[str, object]]:
    """What the service and the log are told."""
    heads: list[Head] = []

    def script(call: Call) -> None:
        heads.append(call.head)
        call.answer()

    target = one.on(script)
    with Client(one.port, source=source) as client:
        assert client.get(target, fields=fields).status == 200
    (line,) = one.lines(target)
    return heads[0], line


def test_what_an_untrusted_neighbour_says_about_the_way_is_dropped(edge: Stage) -> None:
    head, line = seen(edge, source=STRANGER, fields=SPOOFED)
    assert head.value(b"x-forwarded-for") == STRANGER.encode()
    assert head.value(b"x-real-ip") == STRANGER.encode()
    assert head.value(b"x-forwarded-proto") == b"http"
    assert head.value(b"x-forwarded-host") == b"gateway.test"
    assert head.value(b"forwarded") == b"for=127.0.0.6;host=gateway.test;proto=http"
    assert head.value(b"x-original-url") is None
    assert head.value(b"x-forwarded-port") is None
    assert line["client"] == STRANGER


def test_a_listener_believes_only_the_proxies_it_names(proxied: Stage) -> None:
    head, line = seen(proxied, source=STRANGER, fields=SPOOFED)
    assert head.value(b"x-forwarded-for") == STRANGER.encode()
    assert line["client"] == STRANGER


def test_to_what_a_trusted_proxy_says_its_own_address_is_added(proxied: Stage) -> None:
    head, line = seen(proxied, source=PROXY, fields=SPOOFED)
    assert head.value(b"x-forwarded-for") == b"203.0.113.7, 198.51.100.1, 127.0.0.5"
    assert head.value(b"x-forwarded-proto") == b"https"
    assert head.value(b"x-forwarded-host") == b"bank.example"
    assert head.value(b"x-real-ip") == b"203.0.113.7"
    assert (head.value(b"forwarded") or b"").startswith(b"for=203.0.113.7;proto=https, for=127")
    assert line["client"] == "203.0.113.7"


def test_a_trusted_proxy_that_says_nothing_is_the_client(proxied: Stage) -> None:
    head, line = seen(proxied, source=PROXY, fields=[])
    assert head.value(b"x-forwarded-for") == PROXY.encode()
    assert line["client"] == PROXY


def test_what_one_client_was_told_of_the_way_is_not_told_of_the_next(proxied: Stage) -> None:
    """On one connection of a proxy, requests of many clients follow one another."""
    heads: list[Head] = []

    def script(call: Call) -> None:
        heads.append(call.head)
        call.answer()

    target = proxied.on(script)
    with Client(proxied.port, source=PROXY) as client:
        for address in (b"203.0.113.1", b"203.0.113.2", None, b"203.0.113.1"):
            fields = [(b"X-Forwarded-For", address)] if address else []
            assert client.get(target, fields=fields).status == 200
    assert [head.value(b"x-real-ip") for head in heads] == [
        b"203.0.113.1",
        b"203.0.113.2",
        PROXY.encode(),
        b"203.0.113.1",
    ]
