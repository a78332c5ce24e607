"""What operators write about breakers."""

import pytest

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.kernel.route import Breaker
from tta_gateway.settings.breaker import BreakerConfig, compiled
from tta_gateway.settings.compile import compiled_routes

PLAYERS = 'services: {{players: {{endpoints: ["http://127.0.0.1:9001"], breaker: {}}}}}\n'


def breaker_of(text: str) -> Breaker | None:
    return compiled_routes(loaded(text).settings)[0].breaker


def test_the_defaults_are_those_of_the_words_they_become() -> None:
    assert compiled(BreakerConfig()) == Breaker() == breaker_of("")


@pytest.mark.parametrize(
    ("service", "own", "failures"),
    [
        ("on", "", 0),
        ("off", "", None),
        ("{failures: 2}", "", 2),
        ("{mode: off, failures: 2}", "", None),
        ("{failures: 2}", "breaker: off", None),
        ("{failures: 2}", "breaker: on", 0),
        ("{failures: 2}", "breaker: {least: 3}", 0),
        ("off", "breaker: {failures: 4}", 4),
    ],
)
def test_a_route_s_own_stands_in_the_place_of_the_service_s(
    service: str, own: str, failures: int | None
) -> None:
    found = breaker_of(PLAYERS.format(service) + route(own or "retries: 2"))
    assert (None if found is None else found.failures) == failures


def test_what_is_neither_on_nor_off_nor_a_breaker_is_refused() -> None:
    assert complaints(PLAYERS.format("5")) == [
        "gateway.yaml:1:60 services.players.breaker: must be one of `on`, `off`, not `5`"
    ]


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("{ratio: 0}", "ratio: must be more than 0.0, not `0`"),
        ("{ratio: 1.1}", "ratio: must be at most 1.0, not `1.1`"),
        ("{quantile: 0}", "quantile: must be more than 0.0, not `0`"),
        ("{window: 0}", "window: must be more than 0, not `0`"),
        ("{failure: 1}", "failure: is not a key here: do you mean `failures`?"),
    ],
)
def test_what_is_no_breaker_is_refused(written: str, sentence: str) -> None:
    (complaint,) = complaints(PLAYERS.format(written))
    assert complaint.partition("services.players.breaker.")[2] == sentence


def test_the_profile_of_the_platform_has_its_figures() -> None:
    found = breaker_of("profile: tta\n")
    assert found == Breaker(failures=5, open=60.0)
