"""How operators write of sockets that outlive their connections."""

from typing import Final

import msgspec
import pytest

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.features.tether.bound import TetherBound
from tta_gateway.settings.compile import compiled_routes

CHANNELS: Final = """
realtime:
  auth: optional
  channels: {"session:{id}": {keep: {size: 9, time: 1m}}, "loose:{id}": {}}
"""


def _made(written: str) -> tuple[str, TetherBound | None]:
    (one,) = compiled_routes(loaded(CHANNELS + route(written)).settings)
    raw = one.features.get("tether")
    return one.socket, None if raw is None else msgspec.msgpack.decode(raw, type=TetherBound)


@pytest.mark.parametrize(
    ("written", "socket", "bound"),
    [
        ("retries: 1", "", None),
        ("tether: {}", "tether", TetherBound()),
        (
            "tether: {resume: 30s, reattach: 5s, messages: 7, size: 1KiB, session: s}",
            "tether",
            TetherBound(resume=30.0, reattach=5.0, messages=7, size=1024, session="s"),
        ),
        (
            "tether: {channel: 'session:{session_id}'}",
            "tether",
            TetherBound(channel="session:", parameter="session_id"),
        ),
        (
            "tether: {channel: {name: 'session:{session_id}', to_service: true}}",
            "tether",
            TetherBound(channel="session:", parameter="session_id", serves=True),
        ),
        (
            "tether: {session: null, events: false}",
            "tether",
            TetherBound(session="", events=False),
        ),
    ],
)
def test_a_route_says_what_is_kept(written: str, socket: str, bound: TetherBound | None) -> None:
    assert _made(written) == (socket, bound)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("tether: {resume: 0}", "must be more than 0"),
        ("tether: {}, upgrade: off", "no WebSocket is opened here"),
        ("tether: {session: resume}", "is a parameter of the gateway's own here"),
        ("tether: {first_message: 10s}", "has no effect without `auth: required`"),
        ("tether: {}, auth_ticket: true, auth: optional", "does not go with `auth_ticket`"),
    ],
)
def test_what_is_wrong_is_said(written: str, sentence: str) -> None:
    found = complaints(route(written))
    assert any(sentence in one for one in found), found


@pytest.mark.parametrize(
    ("channel", "sentence"),
    [
        ("'other:{id}'", "there are no channels `other`"),
        ("'session:1'", "tether.channel"),
        ("session", "tether.channel"),
        ("{name: 'loose:{id}', to_service: true}", "write `keep` at `loose:{id}`"),
        ("{to_service: true}", "tether.channel.name"),
        ("{name: 'session:{id}', both: 1}", "tether.channel.both"),
    ],
)
def test_what_is_wrong_with_a_binding_is_said(channel: str, sentence: str) -> None:
    found = complaints(CHANNELS + route(f"tether: {{channel: {channel}}}"))
    assert any(sentence in one for one in found), found


def test_without_real_time_there_is_nothing_to_be_bound_to() -> None:
    (found,) = complaints(route("tether: {channel: 'session:{id}'}"))
    assert "routes[0].tether.channel: there are no channels `session`" in found
