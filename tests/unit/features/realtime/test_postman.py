"""When the postman looks at whom."""

import asyncio

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.realtime.broker import Away
from tta_gateway.features.realtime.inbox import FIRST, Box, Letter
from tta_gateway.features.realtime.postman import SWEPT, Postman
from tta_gateway.features.realtime.publication import Publication


class Boxes:
    """An inbox in memory, of boxes; it may be away."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.boxes: dict[str, Box] = {}
        self.sent: list[bytes] = []
        self.asked: list[str] = []
        self.is_away = False

    @property
    def now(self) -> int:
        return round(self.clock.monotonic() * 1000)

    async def redeliver(self, user: str) -> int:
        self.asked.append(user)
        if self.is_away:
            raise Away("away", may_be_done=True)
        box = self.boxes.setdefault(user, Box())
        self.sent += [one.data for one in box.redeliver(self.now)]
        due = box.next_due()
        return due - self.now if due >= 0 else due

    async def sweep(self) -> int:
        if self.is_away:
            raise Away("away", may_be_done=False)
        return sum(box.expire(self.now) for box in self.boxes.values())


class House:
    """A postman, and what he does."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.inbox = Boxes(self.clock)
        self.told: list[str] = []
        self.gone: set[str] = set()
        self.postman = Postman(
            self.inbox,
            monotonic=self.clock.monotonic,
            tell=lambda name, **fields: self.told.append(f"{name} {fields}"),
            is_here=lambda user: user not in self.gone,
        )

    def post(self, user: str, id: str, lives: int = 3_600_000) -> None:
        letter = Letter(id, Publication(id.encode()), self.inbox.now + lives)
        box = self.inbox.boxes.setdefault(user, Box())
        box.post(letter, self.inbox.now, reaches=True)
        self.postman.expect(user)

    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        asyncio.run(self.postman.go_round())


def test_letters_are_sent_again_with_their_pauses_and_no_more_once_acknowledged() -> None:
    house = House()
    house.post("ann", "a")
    for seconds in (4.9, 0.2, 9.8, 0.3, 19.0, 1.5):
        house.passes(seconds)
    assert house.inbox.sent == [b"a"] * 3
    house.inbox.boxes["ann"].acknowledge("a", house.inbox.now)
    house.passes(40.0)
    asked = len(house.inbox.asked)
    house.passes(40.0)
    assert len(house.inbox.asked) == asked
    assert house.inbox.sent == [b"a"] * 3


def test_whoever_has_no_letter_or_no_session_is_not_looked_at() -> None:
    house = House()
    house.post("ann", "a")
    house.postman.expect("ann", 20_000)
    house.gone.add("ann")
    house.passes(30.0)
    assert house.inbox.asked == []
    house.gone.clear()
    house.postman.expect("ann", 20_000)
    house.postman.expect("ann", 10_000)
    house.passes(11.0)
    house.passes(11.0)
    assert house.inbox.asked == ["ann", "ann"]  # his letter was due, and is again


def test_many_are_looked_at_and_a_store_that_is_away_is_asked_again() -> None:
    house = House()
    for number in range(120):
        house.post(f"user {number}", f"{number}")
    house.inbox.is_away = True
    house.passes(FIRST / 1000)
    assert len(house.inbox.asked) == 120
    house.inbox.is_away = False
    house.passes(5.1)
    assert sorted(house.inbox.sent) == sorted(b"%d" % number for number in range(120))


def test_what_has_expired_is_buried_now_and_then_and_told() -> None:
    house = House()
    house.post("ann", "a", lives=1000)
    house.gone.add("ann")
    house.passes(SWEPT - 1.0)
    assert house.told == []
    house.inbox.is_away = True
    house.passes(1.0)
    house.inbox.is_away = False
    house.passes(SWEPT)
    assert house.told == ["letters_died {'count': 1}"]
    assert list(house.inbox.boxes["ann"].graves) == ["a"]
    house.passes(SWEPT)
    assert len(house.told) == 1


def test_he_goes_round_when_something_is_due() -> None:
    house = House()
    assert not house.postman.is_due()
    house.post("ann", "a")
    house.clock.advance(FIRST / 1000 - 0.1)
    assert not house.postman.is_due()
    house.clock.advance(0.1)
    assert house.postman.is_due()
    house.passes(0.0)
    assert not house.postman.is_due()
    house.clock.advance(SWEPT)
    house.passes(0.0)
    assert not house.postman.is_due()
    house.gone.add("ann")
    house.passes(SWEPT - 0.1)
    assert not house.postman.is_due()
    house.clock.advance(0.1)
    assert house.postman.is_due()
