"""Services: named groups of endpoints."""

from pathlib import Path

import pytest

from tests.helpers.certificates import Folder
from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.service import ServiceConfig


def service(written: str) -> ServiceConfig:
    return loaded(f"services: {{players: {{{written}}}}}").settings.services["players"]


def wrong(written: str) -> str:
    return "\n".join(complaints(f"services: {{players: {{{written}}}}}"))


def test_an_endpoint_is_a_url_with_or_without_a_weight() -> None:
    found = service('endpoints: ["http://localhost", {url: "http://127.0.0.1", weight: 3}]')
    assert [(one.url.url, one.weight) for one in found.endpoints] == [
        ("http://localhost:80", 1),
        ("http://127.0.0.1:80", 3),
    ]


@pytest.mark.parametrize("written", ["endpoints: []", "host: a"])
def test_there_is_at_least_one_endpoint_where_none_may_register(written: str) -> None:
    assert "endpoints: is missing: write where it answers" in wrong(written)


def test_an_endpoint_stands_once() -> None:
    assert "names `http://localhost:80` twice" in wrong(
        'endpoints: ["http://localhost", "http://LOCALHOST:80/"]'
    )


@pytest.mark.parametrize("weight", ["0", "1001", "1.5", "x", "true"])
def test_a_weight_is_a_number_from_1_to_1000(weight: str) -> None:
    assert "weight: must be" in wrong(f'endpoints: [{{url: "http://localhost", weight: {weight}}}]')


def test_a_host_may_have_a_port() -> None:
    assert (
        service('endpoints: ["http://localhost"], host: "a.example:8080"').host == "a.example:8080"
    )


@pytest.mark.parametrize("host", ["a b", "a/b", "ü", "a:b", ""])
def test_what_is_no_host_is_refused(host: str) -> None:
    assert "is not a host" in wrong(f'endpoints: ["http://localhost"], host: "{host}"')


@pytest.mark.parametrize("name", ["Players", "1a", "a.b", "a b", "x" * 64, '""'])
def test_what_is_no_name_is_refused(name: str) -> None:
    text = f'services: {{players: {{endpoints: ["http://localhost"]}}, {name}: {{endpoints: ["http://localhost"]}}}}'
    assert "is not the name of a service" in complaints(text)[0]


def test_the_gateway_s_own_name_is_taken() -> None:
    text = 'services: {gateway: {endpoints: ["http://localhost"]}}'
    assert "`gateway` is the gateway's own service" in complaints(text)[0]


# TLS


@pytest.mark.parametrize(
    ("url", "port"), [("https://a", 443), ("https://a:8443/", 8443), ("HTTPS://[::1]", 443)]
)
def test_an_endpoint_may_speak_tls(url: str, port: int) -> None:
    found = service(f'endpoints: ["{url}"]').endpoints[0].url
    assert (found.port, found.is_encrypted) == (port, True)
    assert found.url.startswith("https://")


def test_one_host_may_be_reached_both_ways() -> None:
    assert len(service('endpoints: ["http://localhost:1", "https://localhost:1"]').endpoints) == 2


def test_verification_is_on() -> None:
    assert service('endpoints: ["https://a"]').verification.mode == "on"
    made = service('endpoints: ["https://a"], verification: {mode: off, reason: a lab}')
    assert (made.verification.mode, made.verification.reason) == ("off", "a lab")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("verification: off", "is missing: write why, `{mode: off, reason: …}`, or verify"),
        ("verification: {mode: off}", "is missing: write why"),
        ("verification: {mode: on, reason: a}", "has no effect with `mode: on`"),
        ("verification: {mode: off, reason: a}, ca: none.pem", "with `verification` off: take one"),
        ("client_key: a.pem", "without `client_certificate`: write that too"),
        ("client_certificate: none.pem", "`none.pem` cannot be read"),
        ("ca: none.pem", "`none.pem` cannot be read"),
        ("server_name: 'a b'", "`a b` is not a host"),
    ],
)
def test_a_mistake_about_tls_is_named(written: str, words: str) -> None:
    lines = complaints(f'services: {{players: {{endpoints: ["https://a"], {written}}}}}')
    assert any(words in line for line in lines), lines


@pytest.mark.parametrize("key", ["ca", "server_name", "client_certificate", "client_key"])
def test_what_is_for_tls_has_no_effect_without_it(key: str) -> None:
    lines = complaints(f'services: {{players: {{endpoints: ["http://localhost"], {key}: a}}}}')
    assert any("has no effect without an endpoint `https://…`" in line for line in lines)


def test_the_gateway_may_show_who_it_is(tmp_path: Path) -> None:
    made, other = (Folder(tmp_path / name).issue("gateway") for name in ("a", "b"))
    files = f"client_certificate: {made['certificate']}, client_key: {made['key']}"
    found = service(f'endpoints: ["https://a"], {files}')
    assert (found.client_certificate, found.client_key) == (made["certificate"], made["key"])
    assert "is not the key of" in wrong(
        f'endpoints: ["https://a"], {files.replace(made["key"], other["key"])}'
    )
