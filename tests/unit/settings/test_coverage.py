"""Coverage: what is scanned is counted, and what is not is named."""

from tests.helpers.configuration import loaded
from tta_gateway.settings.coverage import lines

MANY = """\
routes:
  - {path: /a, service: players, auth: none}
  - {path: /b, service: players, auth: none, class: standard}
  - {path: /c, service: players, auth: none, safety: {mode: off, reason: by the service}}
  - {path: /d, service: players, auth: none, safety: {mode: observe, reason: tried out}}
  - {path: /e, service: players, auth: none, safety: async, class: crisis}
"""


def told(text: str) -> list[str]:
    return list(lines(loaded(text).settings))


def test_routes_are_counted_by_mode_and_those_that_are_not_scanned_named() -> None:
    assert told(MANY)[:4] == [
        "safety: 2 of 4 therapeutic routes are scanned (50 %), 1 of them in what people write "
        "alone (async); of all routes: scan 1, async 1, observe 1, off 2",
        "safety: routes[1] /b: off, by its class",
        "safety: routes[2] /c: off, because: by the service",
        "safety: routes[3] /d: observe, which only counts, because: tried out",
    ]


def test_where_all_are_scanned_nothing_more_is_said_of_routes() -> None:
    first, uncalled, last = told("")
    assert uncalled == "safety: nobody is called: there are no `escalation.contacts`"
    assert first == ("safety: 1 of 1 therapeutic routes are scanned (100 %); of all routes: scan 1")
    assert "that nobody has tried: call each before you serve people" in last


def test_where_no_route_is_therapeutic_there_is_no_share() -> None:
    text = "routes: [{path: /b, service: players, auth: none, class: standard}]\n"
    assert told(text)[:2] == [
        "safety: 0 of 0 therapeutic routes are scanned; of all routes: off 1",
        "safety: routes[0] /b: off, by its class",
    ]


CHANNELS = """\
identity: {issuers: [{name: home, secret: {env: SECRET}, own_subjects: true}]}
realtime:
  channels:
    "session:{id}": {publish: {}}
    news: {}
    "scores:{id}": {publish: {class: standard}}
    "numbers:{id}": {publish: {}, safety: {mode: off, reason: no words}}
"""


def test_kinds_of_channels_are_counted_and_those_that_nobody_looks_at_named() -> None:
    found = list(lines(loaded(CHANNELS, {"SECRET": "0123456789abcdef" * 4}).settings))
    assert found[1:5] == [
        "safety: 2 of 4 kinds of channels are looked at",
        "safety: what clients say to the hub in no channel is looked at",
        "safety: channels scores:{id}: off, by its class",
        "safety: channels numbers:{id}: off, because: no words",
    ]


def test_services_that_may_declare_routes_are_named_with_how_these_are_looked_at() -> None:
    text = (
        "services: {players: {discover: {etcd: players, routes: [/live/], auth_none: true}}}\n"
        "routes: [{path: /b, service: players, auth: none, class: standard}]\n"
    )
    assert told(text)[2:4] == [
        "safety: routes that services declare themselves (players): scan",
        "safety: nobody is called: there are no `escalation.contacts`",
    ]
