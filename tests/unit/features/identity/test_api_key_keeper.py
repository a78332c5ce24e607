"""API keys: made, rotated with overlap, revoked, and told; over SQLite in a file."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.helpers.identity_house import ISSUING, NOW
from tta_gateway.features.identity import api_key_keeper
from tta_gateway.features.identity.api_key_keeper import ApiKeyKeeper
from tta_gateway.features.identity.api_key_store import Refusal
from tta_gateway.features.identity.api_keys import ApiKeys
from tta_gateway.features.identity.bound import API_KEYS, ApiKeysTold
from tta_gateway.features.identity.problems import KEY_UNKNOWN
from tta_gateway.features.identity.sql_api_keys import SqlApiKeys
from tta_gateway.kernel.principal import Principal
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.migrate import migrate
from tta_gateway.support.sql.url import in_folder

DAY = 86_400.0


class House:
    """A node: its keeper, and a worker that hears what it tells."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.ids = 0
        self.database = database
        self.store = SqlApiKeys(lambda: database)
        self.worker = ApiKeys()
        self.told: list[str] = []
        self.keeper = self.another()

    def another(self) -> ApiKeyKeeper:
        """Another control, which tells the same worker."""
        return ApiKeyKeeper(
            self.store,
            issuing=lambda: ISSUING,
            tell=self.tell,
            wall=lambda: self.now,
            new_id=self.new_id,
        )

    def new_id(self) -> str:
        self.ids += 1
        return f"id-{self.ids}"

    def tell(self, name: str, told: ApiKeysTold | None) -> None:
        assert name.startswith(API_KEYS)
        self.told.append(name)
        self.worker.take(name, told)

    async def add(self, name: str = "reports", *permissions: str, days: float = 1.0) -> str:
        made = await self.keeper.add(name, ["player"], permissions, lasts=days * DAY)
        return made.secret

    def knows(self, key: str) -> bool:
        return isinstance(self.worker.find(key.encode(), self.now), Principal)


def within(folder: Path, work: Callable[[House], Awaitable[None]]) -> None:
    async def done() -> None:
        database = Database(in_folder(folder))
        try:
            await migrate(database)
            await work(House(database))
        finally:
            await database.close()

    asyncio.run(done())


def test_a_key_counts_as_soon_as_it_is_made_and_is_kept_as_a_digest(tmp_path: Path) -> None:
    keys = list[str]()

    async def work(house: House) -> None:
        key = await house.add()
        assert house.knows(key)
        (kept,) = await house.keeper.all()
        assert (kept.name, kept.hint, kept.roles) == ("reports", key[:10], ("player",))
        keys.append(key)

    within(tmp_path, work)
    kept = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"reports" in kept
    assert keys[0].encode() not in kept


def test_its_successor_counts_beside_it_for_the_overlap(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        key = await house.add("reports", "profile:read")
        made = await house.keeper.rotate("reports", overlap=60, lasts=DAY)
        assert house.knows(key)
        assert house.knows(made.secret)
        assert made.kept.permissions == ("profile:read",)
        house.now += 60
        assert not house.knows(key)
        assert house.knows(made.secret)
        await house.keeper.look()
        assert house.worker.find(key.encode(), house.now) is KEY_UNKNOWN

    within(tmp_path, work)


def test_an_overlap_does_not_make_a_key_live_longer(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        key = await house.add(days=0.001)
        await house.keeper.rotate("reports", overlap=DAY, lasts=DAY)
        house.now += 100
        assert not house.knows(key)

    within(tmp_path, work)


def test_one_that_is_revoked_counts_no_more_at_once(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        key, other = await house.add(), await house.add("other")
        next_key = await house.keeper.rotate("reports", overlap=60, lasts=DAY)
        assert await house.keeper.revoke("reports", next_key.kept.id) == 1
        assert (house.knows(key), house.knows(next_key.secret)) == (True, False)
        assert await house.keeper.revoke("reports") == 1
        assert await house.keeper.revoke("reports") == 0
        assert (house.knows(key), house.knows(other)) == (False, True)
        assert house.knows(await house.add())  # the name is free again

    within(tmp_path, work)


def test_what_another_node_does_is_heard_at_the_next_look(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        key = await house.add()
        other = house.another()
        await other.look()
        await other.revoke("reports")
        house.worker = ApiKeys()
        house.told.clear()
        await house.keeper.look()
        assert not house.knows(key)
        await house.keeper.look()
        assert len(house.told) == 1  # what has not changed is not told again

    within(tmp_path, work)


def test_a_control_that_begins_takes_back_what_one_before_it_has_left(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        key = await house.add()
        left = house.told[-1]
        await house.another().revoke("reports")
        next_one = house.another()
        next_one.left = lambda: [left]
        house.told.clear()
        await next_one.look()
        assert (house.told, house.knows(key)) == ([left], False)

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("name", "roles", "permissions", "lasts", "words"),
    [
        ("Reports", ["player"], [], DAY, "small letters"),
        ("", ["player"], [], DAY, "small letters"),
        ("a" * 65, ["player"], [], DAY, "small letters"),
        ("a/b", ["player"], [], DAY, "small letters"),
        ("a", [], [], DAY, "at least one role"),
        ("a", ["nobody"], [], DAY, "no role `nobody`"),
        ("a", ["player"], ["notes:read"], DAY, "holds `notes:read`"),
        ("a", ["player"], ["profile"], DAY, "holds `profile`"),
        ("a", ["player"], [], 0.5, "a second at least"),
        ("a", ["player"], [], 367 * DAY, "366 days at most"),
        ("taken", ["player"], [], DAY, "a key `taken` already"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    tmp_path: Path,
    name: str,
    roles: list[str],
    permissions: list[str],
    lasts: float,
    words: str,
) -> None:
    async def work(house: House) -> None:
        await house.add("taken")
        with pytest.raises(Refusal, match=words):
            await house.keeper.add(name, roles, permissions, lasts=lasts)

    within(tmp_path, work)


def test_what_is_not_there_has_no_successor(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        with pytest.raises(Refusal, match="no key `a` that counts"):
            await house.keeper.rotate("a", overlap=0, lasts=DAY)
        with pytest.raises(Refusal, match="overlap"):
            await house.keeper.rotate("a", overlap=-1, lasts=DAY)

    within(tmp_path, work)


def test_there_are_so_many_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_key_keeper, "MOST", 2)

    async def work(house: House) -> None:
        await house.add("a")
        await house.add("b")
        with pytest.raises(Refusal, match="which is the most"):
            await house.add("c")
        with pytest.raises(Refusal, match="which is the most"):
            await house.keeper.rotate("a", overlap=0, lasts=DAY)
        await house.keeper.revoke("a")
        await house.add("c")

    within(tmp_path, work)


def test_what_has_long_been_over_is_forgotten(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        await house.add("old", days=1)
        await house.add("new", days=60)
        house.now += 32 * DAY
        await house.keeper.tidy()
        assert [one.name for one in await house.keeper.all()] == ["new"]

    within(tmp_path, work)


def test_what_is_printed_of_a_new_one_holds_no_secret(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        made = await house.keeper.add("a", ["player"], ["profile:read:own"], lasts=DAY)
        assert made.secret not in repr(made)

    within(tmp_path, work)


def test_what_is_revoked_is_not_told_again_by_a_look_that_began_before(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        key = await house.add()
        looks = [house.keeper.look() for _ in range(5)]
        await asyncio.gather(*looks, house.keeper.revoke("reports"), house.keeper.look())
        assert not house.knows(key)

    within(tmp_path, work)


def test_no_key_has_a_role_that_two_people_grant(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        await house.add()
        house.keeper.two_person = lambda: ("player",)
        with pytest.raises(Refusal, match=r"nobody grants `player` alone .* cannot have it"):
            await house.add("other")
        assert [one.name for one in await house.keeper.all()] == ["reports"]
        await house.keeper.rotate("reports", overlap=0, lasts=DAY)  # it keeps what it has

    within(tmp_path, work)


def test_every_node_is_told_before_it_is_answered_that_a_key_counts_no_more(
    tmp_path: Path,
) -> None:
    async def work(house: House) -> None:
        others = House(house.database)

        async def everywhere() -> None:
            for one in (house.keeper, others.keeper):
                await one.look()

        house.keeper.changed = everywhere
        key = await house.add()
        await others.keeper.look()
        assert others.knows(key)
        others.now -= 60  # its clock is behind
        made = await house.keeper.rotate("reports", overlap=0, lasts=DAY)
        assert (house.knows(key), others.knows(key)) == (False, False)
        assert others.knows(made.secret)
        await house.keeper.revoke("reports")
        assert not others.knows(made.secret)

    within(tmp_path, work)
