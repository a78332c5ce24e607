import asyncio
import gzip
import zlib
from collections.abc import Coroutine
from itertools import count
from typing import Any

import pytest

from tta_gateway.features.safety.body import WINDOW, Body
from tta_gateway.features.safety.heard import SHORT, Heard
from tta_gateway.features.safety.looking import Watch
from tta_gateway.kernel.verdict import Verdict


def judge(text: str) -> Verdict:
    return Verdict(2, ("suicide",)) if "go on" in text else Verdict()


def heard(data: bytes = b"", *, over: bool = False) -> Heard:
    made = Heard(Body(b"text/plain"))
    if data:
        made.heard(data)
    if over:
        made.heard_all()
    return made


def a_watch(left: float = 60.0, step: float = 0.0) -> Watch:
    ticks = count()
    return Watch(lambda: next(ticks) * step, left)


def run(work: Coroutine[Any, Any, Any]) -> object:
    return asyncio.run(work)


def test_a_short_body_that_is_here_is_looked_at_at_once() -> None:
    made = heard(b"cannot go on", over=True)
    assert made.look_at_once(judge, lambda: 0.0)
    assert (made.found.level, made.said.text, made.is_looked_at) == (2, "cannot go on", True)


def test_one_that_is_made_to_be_slow_is_not() -> None:
    ticks = count()
    made = heard(b"cannot go on", over=True)
    assert not made.look_at_once(judge, lambda: next(ticks) * 0.001)
    assert not made.is_looked_at


def test_one_that_is_long_or_not_over_is_not() -> None:
    assert not heard(b"go on").look_at_once(judge, lambda: 0.0)
    assert not heard(b"a" * (SHORT + 1), over=True).look_at_once(judge, lambda: 0.0)


def test_what_follows_its_end_is_done_once() -> None:
    made, done = heard(b"so"), []
    made.then = lambda: done.append(1)
    made.heard_all()
    made.heard_all()
    assert done == [1]


def test_the_beginning_is_waited_for() -> None:
    async def wait() -> list[bool]:
        told = []
        for made in (heard(over=True), heard(b"a" * WINDOW), heard(b"go "), heard(), heard()):
            waiting = asyncio.create_task(made.beginning(0.01))
            await asyncio.sleep(0)
            told.append(waiting.done())
            if made.body.size == 3:
                made.heard_all()
            elif not made.body.size:
                made.heard(b"b" * WINDOW)
            await waiting
        return told

    assert run(wait()) == [True, True, False, False, False]


def test_no_more_is_waited_for_than_the_upload_holds() -> None:
    made = Heard(Body(b"text/plain", b"gzip"))
    made.heard(gzip.compress(b"so") + bytes(WINDOW))
    run(made.beginning(60.0))
    assert made.is_enough


def test_patience_ends() -> None:
    run(heard(b"so").beginning(0.001))


def test_what_has_come_is_looked_at_and_again_with_the_rest() -> None:
    async def look() -> None:
        made = heard(b"fair " * 3000)
        assert (await made.look(judge, a_watch())).level == 0
        assert bool(made.is_looked_at) is False
        made.heard(b" go on")
        made.heard_all()
        both = await asyncio.gather(made.look(judge, a_watch()), made.look(judge, a_watch()))
        assert [one.level for one in both] == [2, 2]
        assert made.look_at_once(judge, lambda: 0.0) or made.is_looked_at
        assert (await made.look(judge, a_watch())).level == 2

    run(look())


def test_what_was_found_in_the_beginning_stays_found() -> None:
    async def look() -> None:
        made = heard(b"go on" + b" fair" * WINDOW)
        assert (await made.look(judge, a_watch())).level == 2
        made.heard_all()
        assert (await made.look(judge, a_watch())).level == 2
        assert made.said.text.startswith("go on")

    run(look())


def test_an_answer_waits_for_what_is_told() -> None:
    async def tell() -> None:
        made = heard()
        await made.told(1.0)
        telling = made.tells()
        await made.told(0.001)
        asyncio.get_running_loop().call_soon(telling.set_result, None)
        await made.told(1.0)
        assert telling.done()

    run(tell())


def a_long_one(*, over: bool = True) -> Heard:
    made = Heard(Body(b"text/plain"))
    made.heard(" ".join(map(str, range(8000))).encode() + b" cannot go on")
    if over:
        made.heard_all()
    return made


def test_a_body_in_which_too_much_time_goes_is_counted_and_its_end_is_looked_at() -> None:
    asked: list[str] = []

    def asking(text: str) -> Verdict:
        asked.append(text)
        return judge(text)

    made = a_long_one()
    run(made.look(asking, a_watch(left=0.01, step=0.001)))
    assert (made.found.level, made.body.unseen) == (2, "time")
    assert len(asked) < 20
    assert "go on" in made.said.around(500)


def test_its_beginning_is_looked_at_once() -> None:
    asked: list[str] = []

    def asking(text: str) -> Verdict:
        asked.append(text)
        return judge(text)

    async def look() -> None:
        made = Heard(Body(b"text/plain"))
        made.heard(" ".join(map(str, range(20_000))).encode())
        await made.look(asking, a_watch())
        before = len(asked)
        made.heard_all()
        await made.look(asking, a_watch())
        assert len(asked) < 2 * before
        assert len(set(asked)) >= len(asked) - 5

    run(look())


def test_others_have_a_turn_by_the_clock() -> None:
    async def look() -> int:
        made, turns = a_long_one(), 0
        looking = asyncio.create_task(made.look(judge, a_watch(step=0.001)))
        while not looking.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert int(str(run(look()))) > 50


def test_of_two_windows_the_evidence_holds_what_was_found_wherever_it_was() -> None:
    made = Heard(Body(b"text/plain"))
    made.heard(" ".join(map(str, range(30_000))).encode() + b" cannot go on")
    made.heard_all()
    run(made.look(judge, a_watch()))
    assert "cannot go on" in made.said.around(1000)
    assert "cannot go on" in made.said.whole()


def test_a_body_that_cannot_be_taken_is_counted_and_the_upload_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Heard(Body(b"text/plain", b"gzip"))
    monkeypatch.setattr(zlib, "decompressobj", None)
    made.heard(gzip.compress(b"so") * 2)
    assert made.body.unseen == "fault"


def test_who_has_left_is_looked_at_if_anything_has_come() -> None:
    made = heard(b"cannot go on")
    assert made.has_left()
    assert made.look_at_once(judge, lambda: 0.0)
    assert not made.has_left()
    assert not heard().has_left()


def test_what_has_been_looked_at_is_let_go() -> None:
    made = heard(b"cannot go on")
    made.let_go()
    assert made.body.head() == "cannot go on"
    made.heard_all()
    made.look_at_once(judge, lambda: 0.0)
    made.let_go()
    assert (made.body.head(), made.said.text) == ("", "")
