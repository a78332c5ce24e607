"""The guard's socket: a line in, a line out; who asks waits for the next guard."""

import asyncio
import threading
from pathlib import Path

import pytest

from tta_gateway.node import guard_socket
from tta_gateway.node.guard_socket import ask, asked, serve


def echo(line: bytes) -> bytes:
    return b'{"said": ' + line.strip() + b"}"


def test_a_question_is_answered_to_who_may_wait_and_to_who_may_not(tmp_path: Path) -> None:
    async def run() -> None:
        async with await serve(tmp_path, echo):
            assert await asked(tmp_path, {"do": "x"}) == {"said": {"do": "x"}}
            told = await asyncio.to_thread(ask, tmp_path, {"do": "y"})
            assert told == {"said": {"do": "y"}}

    before = threading.active_count()
    asyncio.run(run())
    assert threading.active_count() == before


def test_who_asks_waits_for_the_next_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_socket, "_PAUSE", 0.01)

    async def run() -> None:
        question = asyncio.ensure_future(asked(tmp_path, {"do": "x"}))
        await asyncio.sleep(0.02)
        async with await serve(tmp_path, echo):
            assert await question == {"said": {"do": "x"}}

    asyncio.run(run())


def test_where_there_is_none_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_socket, "_PATIENCE", 0.05)
    with pytest.raises(TimeoutError):
        asyncio.run(asked(tmp_path, {"do": "x"}))
    with pytest.raises(OSError, match=r"guard\.sock|No such file"):
        ask(tmp_path, {"do": "x"})


def test_an_answer_that_breaks_off_is_none(tmp_path: Path) -> None:
    def dies(_: bytes) -> bytes:
        raise OSError("gone")

    async def run() -> None:
        async with await serve(tmp_path, dies):
            await asyncio.to_thread(ask, tmp_path, {"do": "x"})

    with pytest.raises(OSError, match="broke off"):
        asyncio.run(run())
