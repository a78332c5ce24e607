"""What tells a pong from a command."""

import pytest

from tta_gateway.features.realtime.command import Command, PingRequest, SendRequest


@pytest.mark.parametrize(
    ("command", "is_pong"),
    [
        (Command(), True),
        (Command(0, PingRequest()), True),
        (Command(0, SendRequest(b"1")), False),
        (Command(1), False),
        (Command(1, PingRequest()), False),
    ],
)
def test_a_pong_has_no_id_and_sends_nothing(command: Command, is_pong: bool) -> None:
    assert command.is_pong is is_pong
