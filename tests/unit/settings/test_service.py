"""Services: named groups of endpoints."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.service import ServiceConfig


def service(written: str) -> ServiceConfig:
    return loaded(f"services: {{players: {{{written}}}}}").settings.services["players"]


def wrong(written: str) -> str:
    return "\n".join(complaints(f"services: {{players: {{{written}}}}}"))


def test_an_endpoint_is_a_url_with_or_without_a_weight() -> None:
    found = service('endpoints: ["http://a", {url: "http://b", weight: 3}]')
    assert [(one.url.url, one.weight) for one in found.endpoints] == [
        ("http://a:80", 1),
        ("http://b:80", 3),
    ]


def test_there_is_at_least_one_endpoint() -> None:
    assert "endpoints: holds too few: write at least 1" in wrong("endpoints: []")
    assert "endpoints: is missing. Where it answers" in wrong("host: a")


def test_an_endpoint_stands_once() -> None:
    assert "names `http://a:80` twice" in wrong('endpoints: ["http://a", "http://A:80/"]')


@pytest.mark.parametrize("weight", ["0", "1001", "1.5", "x", "true"])
def test_a_weight_is_a_number_from_1_to_1000(weight: str) -> None:
    assert "weight: must be" in wrong(f'endpoints: [{{url: "http://a", weight: {weight}}}]')


def test_a_host_may_have_a_port() -> None:
    assert service('endpoints: ["http://a"], host: "a.example:8080"').host == "a.example:8080"


@pytest.mark.parametrize("host", ["a b", "a/b", "ü", "a:b", ""])
def test_what_is_no_host_is_refused(host: str) -> None:
    assert "is not a host" in wrong(f'endpoints: ["http://a"], host: "{host}"')


@pytest.mark.parametrize("name", ["Players", "1a", "a.b", "a b", "x" * 64, '""'])
def test_what_is_no_name_is_refused(name: str) -> None:
    text = (
        f'services: {{players: {{endpoints: ["http://a"]}}, {name}: {{endpoints: ["http://a"]}}}}'
    )
    assert "is not the name of a service" in complaints(text)[0]


def test_the_gateway_s_own_name_is_taken() -> None:
    text = 'services: {gateway: {endpoints: ["http://a"]}}'
    assert "`gateway` is the gateway's own service" in complaints(text)[0]
