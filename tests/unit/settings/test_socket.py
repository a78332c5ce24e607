"""How operators write of a route's WebSockets."""

import pytest

from tests.helpers.configuration import complaints, loaded, route
from tta_gateway.kernel.route import Sockets
from tta_gateway.settings.compile import compiled_routes


@pytest.mark.parametrize(
    ("written", "sockets"),
    [
        ("retries: 1", Sockets()),
        ("socket: {}", Sockets(deflate="client")),
        ("socket: {profile: chat}", Sockets(profile="chat", deflate="client")),
        ("socket: {profile: chat, deflate: off}", Sockets(profile="chat")),
        ("socket: {deflate: both}", Sockets(deflate="both")),
    ],
)
def test_a_route_says_how_its_sockets_are_treated(written: str, sockets: Sockets) -> None:
    (made,) = compiled_routes(loaded(route(written)).settings)
    assert made.sockets == sockets


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("socket: {profile: chatter}", "chat"),
        ("socket: {deflate: always}", "both"),
        ("socket: {profile: chat}, upgrade: off", "has no effect where `upgrade` holds no"),
        ("socket: {compress: true}", "compress"),
    ],
)
def test_what_is_wrong_is_said(written: str, sentence: str) -> None:
    (found,) = complaints(route(written))
    assert "socket" in found
    assert sentence in found
