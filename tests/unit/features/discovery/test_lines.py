"""Answers of a JSON object a line."""

import asyncio
from typing import Any, cast

import pytest

from tta_gateway.features.discovery import lines as module
from tta_gateway.features.discovery.lines import lines
from tta_gateway.features.discovery.provider import Unreachable
from tta_gateway.support.http_client import HttpError


class Pieces:
    """A stream that gives these pieces, and then ends or breaks off."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = list(pieces)
        self._error = error

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if self._error is not None:
            raise self._error
        return b""


def read(stream: Pieces) -> list[bytes]:
    async def work() -> list[bytes]:
        return [line async for line in lines(cast("Any", stream), patience=1.0)]

    return asyncio.run(work())


def test_lines_come_whole_however_they_were_cut() -> None:
    assert read(Pieces(b'{"a"', b': 1}\n{"b": 2}\n\n{"c"', b": 3}\n", b"rest")) == [
        b'{"a": 1}',
        b'{"b": 2}',
        b'{"c": 3}',
    ]


def test_what_is_quiet_for_too_long_ends() -> None:
    assert read(Pieces(b"1\n", error=TimeoutError())) == [b"1"]


@pytest.mark.parametrize("error", [HttpError("it closed the connection"), ConnectionResetError()])
def test_what_breaks_off_is_away(error: Exception) -> None:
    with pytest.raises(Unreachable, match="while it told of changes"):
        read(Pieces(b"1\n", error=error))


def test_a_line_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 10)
    with pytest.raises(Unreachable, match="a line longer than 10 bytes"):
        read(Pieces(b"0123456789ab"))
