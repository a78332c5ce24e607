"""What operators write about fallbacks, and what cannot be one."""

import pytest

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.kernel.route import Breaker, Fallback, Respond
from tta_gateway.settings.compile import compiled_routes

URL = 'endpoints: ["http://127.0.0.1:9001"]'


def services(players: str = "", **others: str) -> str:
    written = {"players": players, **others}
    inner = ", ".join(f"{name}: {{{URL}{rest and ', ' + rest}}}" for name, rest in written.items())
    return f"services: {{{inner}}}\n"


def fallback_of(text: str) -> Fallback | None:
    return compiled_routes(loaded(text).settings)[0].fallback


def wrong(text: str) -> list[str]:
    return [line.partition(" ")[2] for line in complaints(text)]


def test_a_fixed_answer_stands_in() -> None:
    written = "fallback: {respond: {status: 203, body: 'later', content_type: text/plain}}"
    expected = Fallback(respond=Respond(status=203, body="later", content_type="text/plain"))
    assert fallback_of(services(written)) == expected
    assert fallback_of(services() + route(written)) == expected


def test_another_service_stands_in_with_its_own_breaker_and_fallback() -> None:
    text = services(
        "fallback: second",
        second="breaker: {failures: 2}, fallback: {service: third}",
        third="breaker: off",
    )
    third = Fallback(service="third")
    assert fallback_of(text) == Fallback(
        service="second", breaker=Breaker(failures=2), fallback=third
    )


def test_a_route_s_own_stands_in_the_place_of_the_service_s() -> None:
    text = services("fallback: second", second="", third="") + route("fallback: third")
    found = fallback_of(text)
    assert found is not None
    assert found.service == "third"


def test_nobody_stands_in_where_nothing_is_written() -> None:
    assert fallback_of("") is None


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            services("fallback: {}"),
            ["services.players.fallback: must hold one of `respond` and `service`"],
        ),
        (
            services("fallback: {respond: {}, service: second}", second=""),
            ["services.players.fallback: must hold one of `respond` and `service`"],
        ),
        (
            services("fallback: secnd", second=""),
            [
                "services.players.fallback: there is no service `secnd`: do you mean `second`?",
            ],
        ),
        (
            services() + route("fallback: {service: gateway}"),
            [
                "routes[0].fallback.service: `gateway` cannot stand in for another service: name "
                "one of `services`"
            ],
        ),
        (
            services("fallback: players"),
            [
                "services.players.fallback: leads in a circle: `players` → `players`; let one of "
                "them `respond`"
            ],
        ),
        (
            services("fallback: second", second="fallback: {service: players}"),
            [
                "services.players.fallback: leads in a circle: `players` → `second` → `players`; "
                "let one of them `respond`",
                "services.second.fallback.service: leads in a circle: `second` → `players` → "
                "`second`; let one of them `respond`",
            ],
        ),
        (
            services("", second="fallback: third", third="fallback: players")
            + route("fallback: second"),
            [
                "routes[0].fallback: leads in a circle: `players` → `second` → `third` → "
                "`players`; let one of them `respond`"
            ],
        ),
        (
            services("fallback: {respond: {status: 204}}"),
            [
                "services.players.fallback.respond.status: leaves no room for a body: choose "
                "another, or let a service answer"
            ],
        ),
        (services("fallback: 3"), []),
    ],
)
def test_what_cannot_stand_in_is_refused(text: str, sentences: list[str]) -> None:
    found = wrong(text)
    assert found[: len(sentences)] == sentences
    assert found
