"""Overheard: who is found is spoken to in the clear on this machine alone, or with a reason."""

import pytest

from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.node.overheard import is_overheard

PLAYERS = Service(name="players", endpoints=())
EXCUSED = Service(name="players", endpoints=(), plaintext=True)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (Endpoint(host="10.0.0.7", port=1), True),
        (Endpoint(host="players", port=1), True),
        (Endpoint(host="0.0.0.0", port=1), True),
        (Endpoint(host="10.0.0.7", port=1, tls=True), False),
        (Endpoint(host="127.1.2.3", port=1), False),
        (Endpoint(host="::1", port=1), False),
        (Endpoint(host="localhost", port=1), False),
        (Endpoint(host="", port=0, unix="/run/players.sock"), False),
    ],
)
def test_beyond_this_machine_it_takes_tls_or_a_reason(one: Endpoint, *, said: bool) -> None:
    assert is_overheard(one, PLAYERS) is said
    assert not is_overheard(one, EXCUSED)
