"""Whether an account is still good elsewhere: who is asked, when, and what comes of it."""

import asyncio
from collections.abc import Callable

import msgspec

from tests.helpers.identity_house import ISSUING, KEY, NOW
from tta_gateway.features.identity import metrics
from tta_gateway.features.identity.bound import Delegated, External
from tta_gateway.features.identity.recheck import Away, Ended, Rechecker, Renew
from tta_gateway.features.identity.recheck_store import Kept
from tta_gateway.features.identity.store import ACTIVE, Session, User
from tta_gateway.support.metrics import Registry

CLINIC = External(name="clinic", issuer="https://id", client_id="c", recheck=600.0)
HOME = Delegated(name="home", service="accounts", prefix="home:", recheck=60.0)
ADA = User("clinic:a", "a", ACTIVE, NOW, NOW, provider="clinic")
SESSION = Session("s1", ADA.id, NOW, NOW, NOW + 1000, "fed")


class Memory:
    """What is kept, of one session; and what was done."""

    def __init__(self) -> None:
        self.kept: Kept | None = None
        self.done: list[tuple[object, ...]] = []

    async def keep(self, kept: Kept, *, until: float) -> None:
        self.kept = kept
        self.done.append(("keep", until))

    async def tie(self, id: str, session_id: str, *, ends: float) -> None:
        self.done.append(("tie", id, session_id, ends))

    async def due(
        self, session_id: str, *, every: Callable[[str], float], now: float
    ) -> Kept | None:
        self.done.append(("due", session_id, now))
        return self.kept if self.kept is not None and every(self.kept.provider) else None

    async def renew(self, id: str, sealed: bytes) -> None:
        assert self.kept is not None
        self.kept = Kept(id, self.kept.user_id, self.kept.provider, sealed, self.kept.asked)
        self.done.append(("renew",))

    async def postpone(self, id: str, asked: float) -> None:  # noqa: ARG002 - the port's
        self.done.append(("postpone", asked))

    async def end(self, id: str, *, now: float) -> None:  # noqa: ARG002 - the port's
        self.done.append(("end", now))

    async def tidy(self, now: float) -> None:
        self.done.append(("tidy", now))


class House:
    def __init__(self) -> None:
        self.store = Memory()
        self.issuing = msgspec.structs.replace(ISSUING, delegated=(HOME,), providers=(CLINIC,))
        self.events: list[str] = []
        self.said: list[str] = []
        self.spread = 0
        self.asked: list[tuple[str, str, bytes]] = []
        self.outcome: Exception | None = None
        self.instead = b"given"
        self.counts = Registry()
        self.rechecker = Rechecker(
            self.store,
            issuing=lambda: self.issuing,
            key=lambda: KEY,
            wall=lambda: NOW,
            log=self,
            counts=self.counts,
        )
        self.rechecker.asks["external"] = self.ask
        self.rechecker.ended, self.rechecker.degraded = self._spread, self.said.append

    async def ask(self, name: str, user_id: str, given: bytes, renew: Renew) -> None:
        self.asked.append((name, user_id, given))
        await renew(self.instead)
        if self.outcome is not None:
            raise self.outcome

    async def _spread(self) -> None:
        self.spread += 1

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def look(self) -> None:
        asyncio.run(self.rechecker.look("s1"))

    def keep(self, user: User = ADA) -> str:
        return asyncio.run(self.rechecker.keep(user, b"given"))

    def count(self, result: str) -> float:
        child = self.counts.child(metrics.RECHECKS, "clinic", result)
        return child.cells[child.at]


def test_what_is_given_is_kept_sealed_and_asked_by() -> None:
    house = House()
    made = house.keep()
    kept = house.store.kept
    assert kept is not None
    assert (kept.id, kept.user_id, kept.asked, b"given" in kept.sealed) == (
        made,
        ADA.id,
        NOW,
        False,
    )
    asyncio.run(house.rechecker.tie(SESSION, made))
    assert house.store.done[-1] == ("tie", made, "s1", NOW + 1000)
    house.instead = b"another"
    house.look()
    house.look()
    assert house.asked == [("clinic", ADA.id, b"given"), ("clinic", ADA.id, b"another")]
    assert [one[0] for one in house.store.done].count(
        "renew"
    ) == 1  # the second time it is the same
    assert house.count("good") == 2.0


def test_what_is_good_no_more_ends_and_is_told_to_all() -> None:
    house = House()
    house.keep()
    house.outcome = Ended("because")
    house.look()
    assert (house.store.done[-1], house.spread, house.events) == (
        ("end", NOW),
        1,
        ["recheck_ended"],
    )
    assert house.count("ended") == 1.0


def test_who_is_away_is_asked_again_soon_and_the_answer_says_so() -> None:
    house = House()
    house.keep()
    house.outcome = Away("it is not there")
    house.look()
    assert house.store.done[-1] == ("postpone", NOW - 540.0)  # a minute from now it is due
    assert (house.said, house.spread, house.count("away")) == (["identity:clinic"], 0, 1.0)


def test_a_turn_that_is_longer_than_the_pause_ends_with_the_answer() -> None:
    house = House()
    often = msgspec.structs.replace(CLINIC, recheck=1.0)
    house.issuing = msgspec.structs.replace(house.issuing, providers=(often,))
    house.keep()
    house.look()
    assert house.store.done[-1] == ("postpone", NOW)


def test_nobody_is_asked_who_is_not_to_be() -> None:
    house = House()
    house.look()
    house.keep()
    del house.rechecker.asks["external"]
    house.look()
    house.keep(User("home:a", "a", ACTIVE, NOW, NOW, provider="home"))
    house.look()
    assert house.asked == []
    needed = [house.rechecker.is_needed]
    house.issuing = ISSUING
    assert [*needed, house.rechecker.is_needed] == [True, False]
    house.look()
    asyncio.run(house.rechecker.tidy())
    assert house.store.done[-1] == ("tidy", NOW)


def test_by_what_cannot_be_read_nobody_is_asked() -> None:
    house = House()
    house.keep()
    house.rechecker._key = lambda: b"o" * 32
    house.look()
    assert (house.asked, house.events) == ([], ["recheck_unreadable"])


def test_alone_it_tells_nobody() -> None:
    house = House()
    alone = Rechecker(
        house.store,
        issuing=lambda: house.issuing,
        key=lambda: KEY,
        wall=lambda: NOW,
        log=house,
        counts=house.counts,
    )
    alone.asks["external"] = house.ask
    asyncio.run(alone.keep(ADA, b"given"))
    for outcome in (Away("a"), Ended("b")):
        house.outcome = outcome
        asyncio.run(alone.look("s1"))
    assert house.store.done[-1] == ("end", NOW)
