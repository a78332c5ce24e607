"""What must agree so that services can register, and nobody else comes in there."""

import pytest

from tests.helpers.configuration import PLAYERS, ROUTES, complaints
from tta_gateway.settings.registering import leads_inside

ENVIRON = {"TOKEN": "a-token-of-the-players"}
TOKEN = "registration: {tokens: [{token: {env: TOKEN}, services: [players]}]}\n"
INSIDE = "listen: [127.0.0.1:8080, {address: 127.0.0.1:8083, internal: true}]\n"


def said(text: str) -> str:
    players = "" if "services: {" in text else PLAYERS
    return "\n".join(complaints(f"{text}{players}{ROUTES}", ENVIRON))


def test_tokens_and_a_listener_for_services_go_together() -> None:
    assert said(TOKEN + INSIDE) == ""
    assert "registration.tokens: nobody could show one: write a listener" in said(TOKEN)
    assert "listen[1].internal: nothing would be served here" in said(INSIDE)


def test_clients_need_a_listener_too() -> None:
    text = TOKEN + "listen: [{address: 127.0.0.1:8083, internal: true}]\n"
    assert "listen: no client could connect" in said(text)


def test_without_control_nobody_takes_registrations() -> None:
    assert "`admin: off` leaves out" in said(f"admin: off\n{TOKEN}{INSIDE}")


def test_a_service_that_is_not_there_is_named_with_the_nearest() -> None:
    text = TOKEN.replace("[players]", "[player]") + INSIDE
    assert "tokens[0].services[0]: there is no service `player`: do you mean `players`?" in said(
        text
    )


@pytest.mark.parametrize(("service", "good"), [("players", True), ("worlds", False)])
def test_a_service_without_endpoints_is_one_that_registers(service: str, good: bool) -> None:
    names = ", ".join(f"{name}: {{}}" for name in sorted({"players", service}))
    text = f"{TOKEN}{INSIDE}services: {{{names}}}\n"
    assert (said(text) == "") is good
    assert good or f"services.{service}.endpoints: is missing: write where" in said(text)


def test_how_tls_is_spoken_to_one_that_registers_can_be_said() -> None:
    text = f"{TOKEN}{INSIDE}services: {{players: {{server_name: players.example}}}}\n"
    assert said(text) == ""


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("0.0.0.0:8083", "can be reached from outside"),
        ("'[::]:8083'", "can be reached from outside"),
        ("192.0.43.8:8083", "can be reached from outside"),
        ("example.org:8083", "is a name"),
        ("10.0.0.7:8083", "unencrypted: write `tls` here too"),
        ("127.0.0.1:8083", ""),
        ("localhost:8083", ""),
        ("'[::1]:8083'", ""),
        ("unix:/run/inside.sock", ""),
    ],
)
def test_services_connect_where_the_public_cannot(address: str, word: str) -> None:
    text = f"{TOKEN}listen: [127.0.0.1:8080, {{address: {address}, internal: true}}]\n"
    found = said(text)
    assert word in found
    assert bool(word) is bool(found)


def test_an_internal_listener_sends_nobody_away() -> None:
    text = f"{TOKEN}{INSIDE.replace('internal: true', 'internal: true, redirect_to_https: true')}"
    assert "would serve nothing beside `redirect_to_https`" in said(text)


@pytest.mark.parametrize(
    ("route", "good"),
    [
        ({"service": "gateway", "path": "/api/{rest:path}"}, True),
        ({"service": "gateway", "path": "/{rest:path}"}, False),
        ({"service": "gateway", "path": "/internal/v1/services/a"}, False),
        ({"service": "gateway", "path": "/Internal"}, False),
        ({"service": "gateway", "path": "/%69nternal/a"}, False),
        ({"service": "gateway", "path": "/a", "rewrite": {"path": "/internal/a"}}, False),
        ({"service": "gateway", "path": "/{a}", "rewrite": {"path": "/api/{a}"}}, True),
        ({"service": "gateway", "path": "/a/{b}", "rewrite": {"strip_prefix": "/a"}}, False),
        ({"service": "gateway", "path": "/a/b", "rewrite": {"strip_prefix": "/a"}}, True),
        ({"service": "gateway", "path": "/a", "rewrite": {"strip_prefix": "/a"}}, True),
        ({"service": "gateway", "path": "a"}, True),
        ({"service": "gateway"}, True),
        ({"service": "players", "path": "/internal/a"}, True),
    ],
)
def test_no_route_of_the_operator_leads_clients_inside(
    route: dict[str, object], good: bool
) -> None:
    assert (list(leads_inside(route)) == []) is good  # type: ignore[arg-type]  # as YAML has it
