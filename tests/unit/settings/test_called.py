"""Called: nobody, or late, is warned of before the first person is in need."""

import pytest

from tests.helpers.configuration import loaded
from tta_gateway.settings.called import told, warnings

CONTACTS = """\
escalation:
  contacts:
    pager: {webhook: {url: "https://h/crisis", unsigned: a test}}
    ward: {webhook: {url: "https://i/crisis", unsigned: a test}}
"""
STANDARD = "routes: [{path: /b, service: players, auth: none, class: standard}]\n"
OBSERVED = (
    "routes: [{path: /b, service: players, auth: none, safety: {mode: observe, reason: why}}]\n"
)
ISSUER = "identity: {issuers: [{name: home, secret: {env: SECRET}, own_subjects: true}]}\n"
SECRET = {"SECRET": "0123456789abcdef" * 4}


def warned(text: str) -> list[str]:
    return warnings(loaded(text, SECRET), "gateway.yaml")


def test_where_people_are_heard_and_nobody_is_called_that_is_said_with_what_to_do() -> None:
    (found,) = warned("")
    assert "escalation: warning: people in need are looked for, and nobody would be called" in found
    assert "write `contacts: {team: {webhook: …}}`" in found
    assert list(told(loaded("").settings)) == [
        "safety: nobody is called: there are no `escalation.contacts`"
    ]


@pytest.mark.parametrize("text", [STANDARD, OBSERVED])
def test_where_nobody_is_heard_there_is_nobody_to_be_called_about(text: str) -> None:
    assert warned(text) == []
    assert list(told(loaded(text).settings)) == []


@pytest.mark.parametrize("written", ["{channels: {'session:{id}': {publish: {}}}}", "{}"])
def test_who_speaks_to_the_hub_is_heard_in_channels_or_in_none(written: str) -> None:
    hub = f"{ISSUER}realtime: {written}\n"
    assert len(warned(hub + STANDARD)) == 1
    assert "safety: nobody is called" in next(told(loaded(hub + STANDARD, SECRET).settings))


def test_routes_that_services_declare_are_heard_though_the_operator_has_written_none() -> None:
    found = "services: {players: {discover: {etcd: players, routes: [/live/], auth_none: true}}}\n"
    assert len(warned(found + STANDARD)) == 1
    assert warned(found.replace(", routes: [/live/], auth_none: true", "") + STANDARD) == []


def test_who_is_called_first_is_told_the_gravest_level_first() -> None:
    levels = "  levels: {high: {rungs: [{call: [ward], within: 10m}]}}\n"
    assert list(told(loaded(CONTACTS + levels).settings)) == [
        "safety: at level imminent pager, ward: called first, with 2m",
        "safety: at level high ward: called first, with 10m",
        "safety: at level elevated pager, ward: called first, with 24h",
    ]
    assert warned(CONTACTS + levels) == []


@pytest.mark.parametrize(
    ("level", "within", "usual"),
    [("imminent", "3m", "2m"), ("high", "1h", "15m"), ("elevated", "48h", "24h")],
)
def test_a_first_call_that_has_long_is_warned_of(level: str, within: str, usual: str) -> None:
    levels = f"  levels: {{{level}: {{rungs: [{{call: [ward], within: {within}}}]}}}}\n"
    (found,) = warned(CONTACTS + levels)
    assert f"escalation.levels.{level}.rungs[0].within: warning: {within} is long" in found
    assert f"{usual} is usual" in found


def test_a_later_call_may_have_longer() -> None:
    rungs = "[{call: [ward], within: 1m}, {call: [pager], within: 30m}]"
    assert warned(f"{CONTACTS}  levels: {{imminent: {{rungs: {rungs}}}}}\n") == []
