"""The merge of history and live: all that is published, once, in its order, whatever is lost."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tta_gateway.features.realtime.broker import Stored
from tta_gateway.features.realtime.publication import Position, Publication
from tta_gateway.features.realtime.reading import MOST, Reading


def one(offset: int, epoch: str = "e") -> tuple[Publication, Position]:
    return Publication(b"%d" % offset, offset), Position(offset, epoch)


def stored(first: int, last: int, *, top: int | None = None, epoch: str = "e") -> Stored:
    publications = [one(offset)[0] for offset in range(first, last + 1)]
    return Stored(publications, Position(last if top is None else top, epoch))


def offsets(publications: list[Publication] | None) -> list[int] | None:
    return None if publications is None else [one.offset for one in publications]


def begun(offset: int = 0) -> Reading:
    reading = Reading(Position())
    reading.begin(Position(offset, "e"))
    return reading


@dataclass
class Store:
    """A store that keeps some, and may go back to what it had, or lose all."""

    keeps: int
    epoch: int = 1
    count: int = 0
    log: list[Publication] = field(default_factory=list)
    top: int = 0

    def publish(self) -> tuple[Publication, Position]:
        self.count += 1
        self.top += 1
        publication = Publication(b"%d" % self.count, self.top)
        self.log = [*self.log, publication][-self.keeps :]
        return publication, self.position

    @property
    def position(self) -> Position:
        return Position(self.top, str(self.epoch))

    def history(self, since: int, limit: int) -> Stored:
        return Stored([one for one in self.log if one.offset > since][:limit], self.position)

    def go_back(self, by: int) -> None:
        self.epoch += 1
        self.top = max(0, self.top - by)
        self.log = [one for one in self.log if one.offset <= self.top]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 3)),  # how live it is: 0 never comes
        st.tuples(st.just("deliver"), st.integers(1, 5)),
        st.tuples(st.just("repeat"), st.integers(0, 5)),
        st.tuples(st.just("ask"), st.integers(1, 4)),
        st.tuples(st.just("answer"), st.just(0)),
        st.tuples(st.just("back"), st.integers(0, 4)),
        st.tuples(st.just("lost"), st.just(0)),
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, keeps=st.integers(1, 12))
def test_whoever_reads_is_given_all_in_order_or_told_that_it_is_lost(
    steps: list[tuple[str, int]], keeps: int
) -> None:
    story = _Read(Store(keeps))
    for name, amount in steps:
        getattr(story, name)(amount)
    story.settle()
    assert story.reading.position == story.store.position
    assert not story.reading.is_behind


class _Read:
    """A reader whose messages are dropped, late or repeated, and whose questions take time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reading = Reading(Position())
        self.under_way: list[tuple[Publication, Position]] = []
        self.old: list[tuple[Publication, Position]] = []
        self.asked: Stored | None = None
        self.expected = 1
        self.truth: dict[tuple[str, int], bytes] = {}
        self.take(self.reading.begin(store.position))

    def take(self, publications: list[Publication]) -> None:
        for publication in publications:
            assert publication.offset == self.expected
            here = (self.reading.position.epoch, publication.offset)
            # What stands there in the epoch that he is told of; what a store that went back still
            # has was there before.
            assert self.truth.get(here, publication.data) == publication.data
            self.expected += 1
        assert self.expected == self.reading.position.offset + 1

    def publish(self, liveness: int) -> None:
        publication, top = self.store.publish()
        self.truth[top.epoch, top.offset] = publication.data
        if liveness:
            self.under_way.append((publication, top))

    def deliver(self, count: int) -> None:
        for _ in range(min(count, len(self.under_way))):
            publication, top = self.under_way.pop(0)
            self.old.append((publication, top))
            self.hear(publication, top)

    def repeat(self, back: int) -> None:
        for publication, top in self.old[-back:]:
            self.hear(publication, top)

    def hear(self, publication: Publication, top: Position) -> None:
        self.take(self.reading.heard(publication, top))

    def ask(self, limit: int) -> None:
        if self.asked is None:
            self.asked = self.store.history(self.reading.position.offset, limit)

    def answer(self, _: int) -> None:
        if self.asked is None:
            return
        found, self.asked = self.asked, None
        before = self.reading.position
        given = self.reading.caught_up(found)
        if given is None:
            follows = [one.offset for one in found.publications if one.offset > before.offset]
            assert before.epoch != found.top.epoch or follows[:1] != [before.offset + 1]
            self.expected = found.top.offset + 1
            given = self.reading.begin(found.top)
        self.take(given)

    def back(self, by: int) -> None:
        self.store.go_back(by)

    def lost(self, _: int) -> None:
        self.reading.lost()

    def settle(self) -> None:
        self.deliver(len(self.under_way))
        self.reading.lost()
        while self.reading.is_behind:
            self.asked = None
            self.ask(3)
            self.answer(0)


def test_what_follows_on_is_given_at_once_and_what_was_given_is_dropped() -> None:
    reading = begun()
    assert offsets(reading.heard(*one(1))) == [1]
    assert reading.heard(*one(1)) == []
    assert offsets(reading.heard(*one(2))) == [2]
    assert not reading.is_behind


def test_a_gap_is_filled_from_history_and_what_came_meanwhile_follows() -> None:
    reading = begun()
    for offset in (3, 4, 6):
        assert reading.heard(*one(offset)) == []
    assert reading.is_behind
    assert offsets(reading.caught_up(stored(1, 3))) == [1, 2, 3, 4]
    assert reading.is_behind  # the 5th
    assert offsets(reading.caught_up(stored(5, 6))) == [5, 6]
    assert not reading.is_behind


def test_a_part_of_history_leaves_him_behind() -> None:
    reading = begun()
    reading.lost()
    assert offsets(reading.caught_up(stored(1, 2, top=5))) == [1, 2]
    assert reading.is_behind
    assert offsets(reading.caught_up(stored(3, 5))) == [3, 4, 5]


def test_what_history_has_no_longer_is_lost() -> None:
    for found in (stored(2, 3), stored(1, 0, top=3), stored(1, 3, epoch="f")):
        reading = begun()
        reading.heard(*one(3))
        assert reading.caught_up(found) is None


def test_an_answer_that_is_older_than_what_came_live_says_nothing() -> None:
    reading = begun(5)
    assert offsets(reading.heard(*one(6))) == [6]
    assert reading.caught_up(stored(1, 0, top=5)) == []
    assert reading.caught_up(stored(6, 6)) == []
    assert offsets(reading.caught_up(stored(6, 7))) == [7]
    assert reading.position == Position(7, "e")


def test_a_message_of_another_epoch_is_given_once_he_has_begun_there() -> None:
    reading = begun(5)
    assert reading.heard(*one(2, "f")) == []
    assert reading.caught_up(stored(1, 0, top=1, epoch="f")) is None
    assert offsets(reading.begin(Position(1, "f"))) == [2]
    assert reading.position == Position(2, "f")


def test_what_waits_is_bounded_and_history_has_the_rest() -> None:
    reading = begun()
    for offset in range(2, MOST + 12):
        assert reading.heard(*one(offset)) == []
    assert offsets(reading.caught_up(stored(1, 5))) == [1, 2, 3, 4, 5]
    assert reading.is_behind
    top = MOST + 11
    assert offsets(reading.caught_up(stored(6, top))) == list(range(6, top + 1))
    assert not reading.is_behind
