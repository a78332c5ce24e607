"""Procedures by their names, and those of others behind them."""

import asyncio
from collections.abc import Awaitable

import msgspec
import pytest

from tta_gateway.features.realtime.codes import NOT_AVAILABLE, UNAVAILABLE, Refused
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller, Returned
from tta_gateway.features.realtime.procedures import Named, understood

ADA = Caller("ada", "1")
_numbers = msgspec.json.Decoder(list[int]).decode


class Others:
    """Knows one procedure, and takes what is sent if it is `1`."""

    def call(self, method: str, data: bytes, caller: Caller) -> Returned:
        assert caller is ADA
        return data if method == "echo" else NOT_AVAILABLE

    def send(self, data: bytes, caller: Caller) -> Allowed:
        assert caller is ADA
        return None if data == b"1" else UNAVAILABLE


async def own(data: bytes, caller: Caller) -> Returned:
    return b"[%b,%b]" % (caller.user.encode(), data)


def named() -> Named:
    return Named({"own": own}, Others())


def test_our_own_are_called_and_all_else_is_for_others() -> None:
    answer = named().call("own", b"5", ADA)
    assert isinstance(answer, Awaitable)

    async def wait() -> Returned:
        return await answer

    assert asyncio.run(wait()) == b"[ada,5]"
    assert named().call("echo", b"6", ADA) == b"6"
    assert named().call("nothing", b"6", ADA) is NOT_AVAILABLE
    assert named().send(b"1", ADA) is None
    assert named().send(b"2", ADA) is UNAVAILABLE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'[1, "secret"]', "Expected `int`, got `str` - at `$[1]`"),
        (b"secret", "JSON is malformed: invalid character (byte 0)"),
        (b"", "Input data was truncated"),
        (b'"\xff"', "Expected `array`, got `str`"),
    ],
)
def test_what_is_wrong_is_said_and_not_what_was_said(data: bytes, said: str) -> None:
    refused = understood("own", data, _numbers)
    assert refused == Refused(107, f"bad request: own: {said}")
    assert understood("own", b"[1]", _numbers) == [1]


def test_what_is_no_text_is_no_json() -> None:
    refused = understood("own", b'"\xff"', msgspec.json.Decoder(str).decode)
    assert isinstance(refused, Refused)
    assert refused.message.startswith("bad request: own: ")
