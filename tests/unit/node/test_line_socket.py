"""Sockets of one line: asked, and answered at once or later."""

import asyncio
import json
from collections.abc import Awaitable
from pathlib import Path

import pytest

from tta_gateway.node import line_socket
from tta_gateway.node.line_socket import BrokenAnswer, ask, asked, serve


def echo(line: bytes) -> bytes:
    return b'{"said": ' + line.strip() + b"}"


async def later(line: bytes) -> bytes:
    await asyncio.sleep(0)
    return echo(line)


@pytest.mark.parametrize("answer", [echo, later])
def test_a_question_is_answered_to_who_may_wait_and_to_who_may_not(
    tmp_path: Path, answer: line_socket.Answering
) -> None:
    path = tmp_path / "x.sock"

    async def run() -> None:
        async with await serve(path, answer):
            assert await asked(path, {"do": "x"}) == {"said": {"do": "x"}}
            assert await asyncio.to_thread(ask, path, {"do": "y"}) == {"said": {"do": "y"}}

    asyncio.run(run())
    assert path.stat().st_mode & 0o077 == 0


def test_where_nobody_answers_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(tmp_path / "x", {})
    with pytest.raises(FileNotFoundError):
        asyncio.run(asked(tmp_path / "x", {}))


def test_an_answer_that_breaks_off_or_is_too_large_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_socket, "_LARGEST", 100)

    async def dies(_: bytes) -> bytes:
        raise OSError

    def long(_: bytes) -> Awaitable[bytes] | bytes:
        return json.dumps("x" * 1000).encode()

    async def run(answer: line_socket.Answering) -> None:
        async with await serve(tmp_path / "x", answer):
            await asked(tmp_path / "x", {})

    for answer, words in ((dies, "broke off"), (long, "too large")):
        with pytest.raises(BrokenAnswer, match=words):
            asyncio.run(run(answer))
