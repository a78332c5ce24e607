"""Defaults for the checks of all services."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.features.health.config import HealthConfig
from tta_gateway.settings.complaint import Source
from tta_gateway.settings.document import read
from tta_gateway.settings.health_defaults import underlay
from tta_gateway.settings.show import show

SERVICES = """\
services:
  own: {endpoints: ["http://127.0.0.1:1"], health: {interval: 9s}}
  tcp: {endpoints: ["http://127.0.0.1:2"], health: {kind: tcp}}
  off: {endpoints: ["http://127.0.0.1:3"], health: off}
  not: {endpoints: ["http://127.0.0.1:4"]}
"""
DEFAULTS = "health: {path: /well, interval: 5s, unhealthy: 7}\n"
ROUTES = "routes: [{path: /, service: own, auth: none}]\n"
TEXT = DEFAULTS + SERVICES + ROUTES


def of(service: str, text: str = TEXT) -> HealthConfig | None:
    return loaded(text).settings.services[service].health


def test_what_a_service_does_not_say_is_as_the_defaults_say() -> None:
    own = of("own")
    assert own is not None
    assert (own.path, own.interval, own.unhealthy, own.healthy) == ("/well", 9.0, 7, 2)


def test_what_does_nothing_in_a_check_is_not_laid_under_it() -> None:
    tcp = of("tcp")
    assert tcp is not None
    assert (tcp.path, tcp.interval) == ("/health", 5.0)


@pytest.mark.parametrize("service", ["off", "not"])
def test_nobody_is_looked_at_for_having_defaults(service: str) -> None:
    assert of(service) is None


def test_what_is_shown_means_the_same_and_says_where_it_is_from() -> None:
    found = loaded(TEXT)
    shown = show(found.settings, found.document)
    assert "path: /well  # from health" in shown
    assert of("own", shown) == of("own")


def test_it_is_known_where_a_value_comes_from() -> None:
    document = read(TEXT)
    underlay(document)
    assert document.place(("services", "own", "health", "path")) == Source("health")


def test_what_is_wrong_with_them_is_said_once() -> None:
    text = "health: {interval: -1s, kind: tcp}\n" + SERVICES + ROUTES
    assert [line.split(" ")[1] for line in complaints(text)] == [
        "health.interval:",
        "health.kind:",
    ]


@pytest.mark.parametrize("text", ["- a", "health: 1", "health: {}\nservices: 1"])
def test_what_is_not_of_its_kind_is_left_to_others(text: str) -> None:
    document = read(text)
    before = dict(document.places)
    underlay(document)
    assert document.places == before
