"""What workers of a node tell each other, over real sockets."""

import asyncio
import errno
import os
import random
import socket
import stat
import time
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tta_gateway.features.ratelimit.algorithm import Seats
from tta_gateway.features.ratelimit.bound import Limit
from tta_gateway.features.ratelimit.tally import Table, Tally
from tta_gateway.node.neighbours import Neighbours
from tta_gateway.node.settling import Settling
from tta_gateway.support.metrics import Registry

RATE = Limit(id="r", name="r", handle="r", amount=10, per=10.0, burst=10, key=("user",))
SEATS = Limit(id="s", name="s", handle="s", of="concurrent", amount=10, key=("user",))


class Worker:
    """One of a node, without a store."""

    def __init__(self, state: Path, number: int) -> None:
        self.tally = Tally(monotonic=time.monotonic, wall=time.time, chance=random.random)
        self.settling = Settling(
            self.tally, None, number=number, registry=Registry(), spawn=self.never
        )
        self.rate = self.tally.table(RATE, 100_000)
        self.seats = self.tally.table(SEATS, 100_000)
        self.neighbours = self.settling.neighbours
        self.neighbours.open(state)
        self.now = 0.0

    def never(self, work: Coroutine[object, object, None]) -> None:
        raise AssertionError(work)

    def take(self, table: Table, key: str, count: int = 1) -> None:
        now = time.monotonic()
        entry = table.entry(key, now)
        table.measure.spend(entry, count, now)
        table.owe(entry)

    def left(self, table: Table, key: str = "k") -> int:
        now = time.monotonic()
        return table.measure.left(table.entry(key, now), now)

    def look(self) -> None:
        self.now += 2.0
        self.settling.look(self.now)

    def hear(self) -> None:
        for _ in range(100):
            self.neighbours.hear()


@contextmanager
def workers(state: Path, count: int = 2) -> Iterator[list[Worker]]:
    with ExitStack() as stack:
        made = [Worker(state, 100 + number) for number in range(count)]
        for one in made:
            stack.callback(one.neighbours.close)
            one.look()
        yield made


def test_what_one_lets_through_the_others_know(tmp_path: Path) -> None:
    with workers(tmp_path, 3) as three:
        for one in three:
            one.take(one.rate, "k", 2)
            one.settling.round()
        for one in three:
            one.hear()
        assert [one.left(one.rate) for one in three] == [4, 4, 4]


def test_it_is_told_once(tmp_path: Path) -> None:
    with workers(tmp_path) as (one, other):
        one.take(one.rate, "k", 2)
        for _ in range(3):
            one.settling.round()
            one.rate.owe(one.rate.entry("k", 0.0))
        other.hear()
        assert other.left(other.rate) == 8


def test_very_many_keys_go_in_several_datagrams(tmp_path: Path) -> None:
    with workers(tmp_path) as (one, other):
        for number in range(3000):
            one.take(one.rate, f"{number:0200d}", 3)
        for _ in range(3):
            one.settling.round()
            other.hear()
        known = len(other.rate.entries)
        lost = one.settling._lost.values()[0]
        assert known > 200
        assert (known == 3000) == (lost == 0)  # a socket holds so much: the rest is counted


def test_seats_are_known_and_free_when_their_worker_dies(tmp_path: Path) -> None:
    with workers(tmp_path) as (one, other):
        one.take(one.seats, "k", 4)
        one.settling.round()
        other.hear()
        assert other.left(other.seats) == 6
        other.take(other.seats, "k", 1)
        assert isinstance(one.neighbours._sock, socket.socket)
        one.neighbours._sock.close()  # as a worker does that is killed: its name stays
        other.settling.round()
        other.look()
        assert other.neighbours.others == ()
        assert other.left(other.seats) == 9
        one.neighbours._sock = None


def test_who_comes_later_hears_of_seats_that_are_taken(tmp_path: Path) -> None:
    with workers(tmp_path) as (one, _):
        one.take(one.seats, "k", 4)
        one.settling.round()
        late = Worker(tmp_path, 200)
        one.look()
        late.hear()
        entry = late.seats.entry("k", 0.0)
        assert isinstance(entry, Seats)
        assert entry.others == 4
        late.neighbours.close()
        one.look()
        assert 200 not in one.neighbours.others


def test_nobody_else_may_enter(tmp_path: Path) -> None:
    with workers(tmp_path):
        assert stat.S_IMODE((tmp_path / "limits").stat().st_mode) == 0o700


def test_a_folder_with_a_very_long_name_is_no_hindrance(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    with workers(deep) as (one, other):
        one.take(one.rate, "k", 2)
        one.settling.round()
        other.hear()
        assert other.left(other.rate) == 8


def test_a_neighbour_that_takes_nothing_holds_nobody_up(tmp_path: Path) -> None:
    with workers(tmp_path) as (one, _):
        begun = time.monotonic()
        for number in range(3000):
            one.take(one.rate, f"k{number % 50}")
            one.settling.round()
        assert time.monotonic() - begun < 10.0  # about 0.3 s; whoever waited would do so for ever
        assert one.settling._lost.values()[0] > 0


def test_words_of_another_version_are_nothing(tmp_path: Path) -> None:
    with workers(tmp_path) as (one, other):
        for words in (b"", b"\xc1", b"\x93\x01\xa1r\x90", b"\x93\x01\xa7unknown\x90"):
            one.neighbours.tell(words)
        other.hear()
        assert other.left(other.rate) == 10


def test_the_more_there_are_the_sooner_they_tell(tmp_path: Path) -> None:
    with workers(tmp_path, 1) as (one,):
        assert one.settling.pause == pytest.approx(0.1)
    with workers(tmp_path, 3) as three:
        assert three[0].settling.pause == pytest.approx(0.05)
    with workers(tmp_path, 12) as many:
        assert many[0].settling.pause == pytest.approx(0.02)


def test_one_that_was_never_open_tells_nobody(tmp_path: Path) -> None:
    alone = Neighbours(lambda _: None, number=1)
    alone.tell(b"x")
    assert (alone.look(), alone.descriptor) == (frozenset(), -1)
    alone.close()
    with pytest.raises(OSError, match="No such file"):
        alone.open(tmp_path / "not" / "there")


def test_a_loop_hears(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def body() -> None:
        loop = asyncio.get_running_loop()
        come: asyncio.Future[bytes] = loop.create_future()
        mine = Neighbours(come.set_result, number=1)
        theirs = Neighbours(heard.append, number=os.getpid())
        loop.add_reader(mine.open(tmp_path), mine.hear)
        theirs.open(tmp_path)
        theirs.tell(b"hello")
        async with asyncio.timeout(5.0):
            heard.append(await come)
        loop.remove_reader(mine.descriptor)
        mine.close()
        theirs.close()

    asyncio.run(body())
    assert heard == [b"hello"]


def test_where_no_descriptor_is_left_whoever_was_there_still_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To list a folder takes one for a moment."""

    def none_left(_: object) -> list[str]:
        raise OSError(errno.EMFILE, "too many open files")

    with workers(tmp_path) as (one, _):
        one.neighbours.look()
        monkeypatch.setattr(os, "listdir", none_left)
        assert one.neighbours.look() == frozenset()
        assert one.neighbours.others == (101,)
