"""Several watches at once."""

import asyncio

import pytest

from tta_gateway.features.discovery.provider import Unreachable
from tta_gateway.features.discovery.together import together


async def away() -> None:
    raise Unreachable("it is away")


async def broken() -> None:
    raise ValueError("a fault")


async def for_ever(ended: list[bool]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(True)


def test_what_ends_one_ends_all() -> None:
    ended: list[bool] = []
    with pytest.raises(Unreachable, match="it is away"):
        asyncio.run(together([for_ever(ended), away()]))
    assert ended == [True]


def test_a_fault_of_ours_comes_before_a_registry_that_is_away() -> None:
    with pytest.raises(ValueError, match="a fault"):
        asyncio.run(together([away(), broken()]))
