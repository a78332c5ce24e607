"""Answers at once, or as soon as they are there; and what is said instead of one."""

import asyncio
from typing import cast

from tta_gateway.features.realtime import codes
from tta_gateway.features.realtime.answering import Waiting, if_allowed, turn_away, when
from tta_gateway.features.realtime.codes import Disconnection, Refused
from tta_gateway.features.realtime.session import Session


class Told:
    """A session that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[Refused | Disconnection] = []

    def refuse(self, why: Refused) -> None:
        self.said.append(why)

    def close(self, why: Disconnection) -> None:
        self.said.append(why)


async def later(value: int) -> int:
    await asyncio.sleep(0)
    return value


def test_what_is_known_is_gone_on_with_at_once() -> None:
    got: list[int] = []
    assert when(7, got.append) is None
    assert got == [7]


def test_what_is_not_is_waited_for_and_so_is_what_follows() -> None:
    got: list[int] = []

    def more(one: int) -> Waiting:
        return when(later(one + 1), got.append)

    async def main() -> None:
        waiting = when(later(7), more)
        assert waiting is not None
        assert got == []
        await waiting

    asyncio.run(main())
    assert got == [8]


def test_who_is_refused_is_told_and_who_is_to_go_goes() -> None:
    told = Told()
    turn_away(cast("Session", told), codes.PERMISSION_DENIED)
    turn_away(cast("Session", told), codes.INVALID_TOKEN)
    assert told.said == [codes.PERMISSION_DENIED, codes.INVALID_TOKEN]


def test_only_what_is_allowed_is_gone_on_with() -> None:
    told, done = Told(), list[str]()
    session = cast("Session", told)
    assert if_allowed(session, lambda: done.append("one"), None) is None
    assert if_allowed(session, lambda: done.append("other"), codes.PERMISSION_DENIED) is None
    assert (done, told.said) == (["one"], [codes.PERMISSION_DENIED])
