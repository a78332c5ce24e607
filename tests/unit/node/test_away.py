"""The word about stores that do not answer."""

import socket
from typing import Any, cast

import pytest

from tta_gateway.node.away import WORD, names, said
from tta_gateway.node.child import Child, hear
from tta_gateway.support.valkey.fitness import Purpose


@pytest.mark.parametrize(
    ("away", "told"),
    [
        ([], []),
        (["state"], ["valkey state"]),
        (["cache"], ["valkey cache"]),
        (["cache", "state"], ["valkey state", "valkey cache"]),
    ],
)
def test_what_is_said_is_what_is_heard(away: list[Purpose], told: list[str]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.send(said(away))
        heard = hear(Child(cast("Any", None), ours))
    assert heard is not None
    assert (heard.word, names(heard.version)) == (WORD, told)
