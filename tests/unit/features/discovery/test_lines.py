"""Answers of a JSON object a line."""

import asyncio
from typing import Any, cast

import pytest

from tta_gateway.features.discovery import lines as module
from tta_gateway.features.discovery.lines import lines
from tta_gateway.features.discovery.provider import Unreachable
from tta_gateway.support.http_client import Stream

HEAD = b"HTTP/1.1 200 OK\r\n"


class Nowhere:
    """Where requests go."""

    def write(self, data: bytes) -> None:
        pass

    async def drain(self) -> None:
        pass


def read(*pieces: bytes, head: bytes = b"\r\n", end: Exception | None = None) -> list[bytes]:
    """The lines of an answer that comes in these pieces and ends, breaks off, or goes silent."""

    async def work() -> list[bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(HEAD + head)
        stream = Stream(reader, cast("Any", Nowhere()))
        await stream.send(b"")
        told: list[bytes] = []

        async def take() -> None:
            told.extend([line async for line in lines(stream, patience=0.05)])

        task = asyncio.get_running_loop().create_task(take())
        for piece in pieces:
            reader.feed_data(piece)
            for _ in range(5):
                await asyncio.sleep(0)
        if end is None:
            reader.feed_eof()
        elif not isinstance(end, TimeoutError):
            reader.set_exception(end)
        await task
        return told

    return asyncio.run(work())


def test_lines_come_whole_however_they_were_cut() -> None:
    assert read(b'{"a"', b': 1}\n{"b": 2}\n\n{"c"', b": 3}\n", b"rest") == [
        b'{"a": 1}',
        b'{"b": 2}',
        b'{"c": 3}',
    ]


def test_what_is_quiet_for_too_long_ends() -> None:
    assert read(b"1\n", end=TimeoutError()) == [b"1"]


def test_what_breaks_off_is_away() -> None:
    with pytest.raises(Unreachable, match="while it told of changes"):
        read(b"1\n", end=ConnectionResetError())
    with pytest.raises(Unreachable, match="before its answer was over, while it told"):
        read(b"1\n", head=b"Content-Length: 5\r\n\r\n")


def test_a_line_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 10)
    with pytest.raises(Unreachable, match="a line longer than 10 bytes"):
        read(b"0123456789ab")
