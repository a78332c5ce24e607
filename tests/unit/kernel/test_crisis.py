from tta_gateway.kernel.crisis import SUPPORT, Help
from tta_gateway.kernel.message import Response

HELP = Help(line=b"call 988", card=b'{"call": "988"}')


def test_an_answer_carries_the_line_once() -> None:
    response = Response(503)
    HELP.add_to(response)
    HELP.add_to(response)
    assert response.fields == [(SUPPORT, b"call 988")]


def test_a_message_that_is_kept_is_answered_with_the_card() -> None:
    response = HELP.accepted()
    assert (response.status, response.body) == (202, b'{"call": "988"}')
    assert response.get(SUPPORT) == b"call 988"
    assert response.get(b"cache-control") == b"no-store"
