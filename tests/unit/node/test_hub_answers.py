"""Refusals of policies in the words of the client protocol."""

import pytest

from tta_gateway.features.identity.problems import EXPIRED, MISSING, REVOKED
from tta_gateway.features.realtime import codes
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.node.hub_answers import farewell, why_not, why_not_connect


@pytest.mark.parametrize(
    ("response", "command", "connection"),
    [
        (answer_of(EXPIRED), codes.CONNECTION_EXPIRED, codes.TOKEN_EXPIRED),
        (answer_of(REVOKED), codes.CONNECTION_EXPIRED, codes.INVALID_TOKEN),
        (answer_of(MISSING), codes.PERMISSION_DENIED, codes.INVALID_TOKEN),
        (Response(400), codes.PERMISSION_DENIED, codes.INVALID_TOKEN),
        (Response(403), codes.PERMISSION_DENIED, codes.FORBIDDEN),
        (Response(451), codes.PERMISSION_DENIED, codes.FORBIDDEN),
        (Response(429), codes.TOO_MANY_REQUESTS, codes.TOO_MANY),
        (Response(503), codes.INTERNAL, codes.INTERNAL),
    ],
)
def test_a_refusal_of_a_command_and_of_a_connection(
    response: Response, command: object, connection: object
) -> None:
    assert why_not(response) == command
    assert why_not_connect(response) == connection


def test_a_session_that_is_over_is_not_to_come_back() -> None:
    assert farewell(1008) == codes.INVALID_TOKEN
    assert farewell(1011) == codes.CONNECTION_EXPIRED
