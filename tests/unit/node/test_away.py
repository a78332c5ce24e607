"""The word about stores that do not answer."""

import socket
from typing import Any, cast

import pytest

from tta_gateway.node.away import WORD, Away, names, said
from tta_gateway.node.child import Child, hear


@pytest.mark.parametrize(
    ("away", "told"),
    [
        ([], []),
        (["state"], ["valkey state"]),
        (["cache"], ["valkey cache"]),
        (["database"], ["database"]),
        (["cache", "state"], ["valkey state", "valkey cache"]),
    ],
)
def test_what_is_said_is_what_is_heard(away: list[str], told: list[str]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.send(said(away))
        heard = hear(Child(cast("Any", None), ours))
    assert heard is not None
    assert (heard.word, names(heard.version)) == (WORD, told)


def test_what_several_have_found_is_told_as_one() -> None:
    told: list[bytes] = []
    away = Away()
    away.take("stores", ["state"])
    away.tell = told.append
    away.take("database", ["database"])
    away.take("stores", [])
    assert told == [said(["state", "database"]), said(["database"])]
