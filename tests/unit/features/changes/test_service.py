"""Changes: proposed by one, decided by another, and told of at each step."""

import asyncio
import itertools
from collections.abc import Coroutine, Mapping

import pytest

from tests.helpers.change_store import MemoryChanges
from tta_gateway.features.changes.algorithm import Over, State, Step
from tta_gateway.features.changes.service import Changes
from tta_gateway.features.changes.store import Away, Change, NotTheirs, Unknown
from tta_gateway.kernel.two_person import Prepared, Unfit


class Kind:
    """Makes changes that say `word`."""

    def __init__(self) -> None:
        self.told = 0
        self.is_unfit = False

    async def prepare(self, asked: Mapping[str, object]) -> Prepared:
        word = asked.get("word")
        if not isinstance(word, str):
            raise Unfit("say a word")
        return Prepared(word, f"say {word}")

    async def apply(
        self, transaction: list[str], change: str, *, id: str, by: str, now: float
    ) -> None:
        assert now
        if self.is_unfit:
            raise Unfit("not any more")
        transaction.append(f"{change} {id} {by}")

    async def applied(self) -> None:
        self.told += 1


class House:
    """Changes, and who hears of them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.store, self.kind = MemoryChanges(), Kind()
        self.changes = Changes(self.store, {"words": self.kind}, self)
        self.changes.lasting = 100.0
        self.steps: list[tuple[str, str]] = []
        self._ids = itertools.count(1)

    def wall(self) -> float:
        return self.now

    def new_id(self) -> str:
        return f"c{next(self._ids)}"

    def stepped(self, one: Change, step: str) -> None:
        self.steps.append((one.id, step))

    async def propose(self, by: str = "p1") -> Change:
        return await self.changes.propose("words", {"word": "yes"}, reason="because", by=by)


@pytest.fixture
def house() -> House:
    return House()


def do(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


def test_a_change_is_made_when_another_approves_and_told_then(house: House) -> None:
    async def work() -> None:
        one = await house.propose()
        assert (one.summary, one.until) == ("say yes", house.now + 100.0)
        assert (house.store.made, house.kind.told) == ([], 0)
        done = await house.changes.take(one.id, Step.APPROVE, by="p2", note="well")
        assert (done.state, done.decided_by, done.note) == (State.APPLIED, "p2", "well")
        assert (house.store.made, house.kind.told) == (["yes c1 p2"], 1)
        with pytest.raises(Over):
            await house.changes.take(one.id, Step.APPROVE, by="p3")
        assert house.steps == [("c1", "propose"), ("c1", "approve")]
        assert await house.changes.all() == [done]

    do(work())


def test_who_proposed_it_withdraws_and_does_not_approve_and_another_rejects(house: House) -> None:
    async def work() -> None:
        one, other = await house.propose(), await house.propose()
        with pytest.raises(NotTheirs):
            await house.changes.take(one.id, Step.APPROVE, by="p1")
        await house.changes.take(one.id, Step.WITHDRAW, by="p1")
        await house.changes.take(other.id, Step.REJECT, by="p2")
        assert (house.store.made, house.kind.told) == ([], 0)
        assert [step for _, step in house.steps] == ["propose", "propose", "withdraw", "reject"]
        with pytest.raises(Unknown):
            await house.changes.take("nothing", Step.REJECT, by="p2")

    do(work())


def test_what_nobody_decides_expires_and_is_told_once(house: House) -> None:
    async def work() -> None:
        one = await house.propose()
        house.now += 100.0
        await house.changes.tick()
        await house.changes.tick()
        assert house.steps == [("c1", "propose"), ("c1", "expire")]
        with pytest.raises(Over, match="expired"):
            await house.changes.take(one.id, Step.APPROVE, by="p2")

    do(work())


def test_what_cannot_be_is_said_and_changes_nothing(house: House) -> None:
    async def work() -> None:
        with pytest.raises(Unfit, match="words"):
            await house.changes.propose("deeds", {}, reason="because", by="p1")
        with pytest.raises(Unfit, match="say a word"):
            await house.changes.propose("words", {}, reason="because", by="p1")
        one = await house.propose()
        house.kind.is_unfit = True
        with pytest.raises(Unfit, match="not any more"):
            await house.changes.take(one.id, Step.APPROVE, by="p2")
        assert house.store.kept[one.id].state is State.PROPOSED
        older = Changes(house.store, {}, house)
        with pytest.raises(Unfit, match="kind"):
            await older.take(one.id, Step.APPROVE, by="p2")

    do(work())


def test_while_the_store_is_away_nothing_expires_and_nothing_is_decided(house: House) -> None:
    async def work() -> None:
        one = await house.propose()
        house.store.is_away = True
        await house.changes.tick()
        with pytest.raises(Away):
            await house.changes.take(one.id, Step.APPROVE, by="p2")

    do(work())
