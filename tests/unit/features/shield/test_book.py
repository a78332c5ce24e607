from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.shield.algorithm import MALFORMED, Ladder
from tta_gateway.features.shield.book import Book

LADDER = Ladder(steps=(40.0, 70.0, 100.0), first=60.0, longest=3600.0, forgiven=1000.0)


@given(st.integers(1, 50), st.integers(0, 500))
def test_it_never_holds_more_than_it_may(most: int, come: int) -> None:
    book = Book(most, [])
    for one in range(come):
        book.of(f"10.0.{one // 256}.{one % 256}", 0.0)
    assert len(book) == min(most, come)


def test_a_crowd_of_new_addresses_forgets_no_offender() -> None:
    book = Book(100, [])
    worst = [f"192.0.2.{one}" for one in range(20)]
    for one in worst:
        book.of(one, 0.0).add(MALFORMED, 50.0, 0.0)
    book.of("198.51.100.1", 0.0).strike(LADDER, 0.0)
    for number in range(10_000):
        book.of(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", 0.0)
    assert all(book.find(one) is not None for one in worst)
    assert book.find("198.51.100.1") is not None
    assert len(book) == 100


def test_even_where_all_are_offenders_it_stays_as_small_as_it_is() -> None:
    book = Book(10, [])
    for one in range(100):
        book.of(f"192.0.2.{one}", 0.0).strike(LADDER, 0.0)
    assert len(book) == 10


def test_of_too_many_offenders_the_worst_stay() -> None:
    book = Book(40, [])
    for one in range(200):
        book.of(f"192.0.2.{one}", 0.0).add(MALFORMED, 6.0, 0.0)
        book.of("198.51.100.1", 0.0).add(MALFORMED, 6.0, 0.0)
    assert book.find("198.51.100.1") is not None
    assert len(book) == 40


def test_many_offenders_who_come_up_at_once_hold_nobody_up_for_long() -> None:
    book = Book(2048, [])
    for one in range(2048):
        book.of(f"10.0.{one // 256}.{one % 256}", 0.0).add(MALFORMED, 6.0 + one, 0.0)
    book.of("198.51.100.1", 0.0)
    assert len(book) == 2048
    assert book.find("10.0.0.0") is None  # the least of those that were put apart


def test_room_for_one_is_room_for_one() -> None:
    book = Book(1, [])
    book.of("192.0.2.1", 0.0).add(MALFORMED, 6.0, 0.0)
    book.of("192.0.2.2", 0.0)
    assert len(book) == 1


def test_who_is_allowed_is_known_as_such_also_when_the_list_changes() -> None:
    book = Book(10, [ip_network("192.0.2.0/24")])
    assert book.of("192.0.2.7", 0.0).allowed
    assert not book.of("198.51.100.7", 0.0).allowed
    book.allow([ip_network("198.51.100.0/24")])
    assert not book.of("192.0.2.7", 0.0).allowed
    assert book.of("198.51.100.7", 0.0).allowed


def test_what_is_worth_nothing_is_forgotten_in_time() -> None:
    book = Book(10, [])
    book.of("192.0.2.1", 0.0)
    book.of("192.0.2.2", 0.0).add(MALFORMED, 50.0, 0.0)
    book.of("192.0.2.3", 0.0).strike(LADDER, 0.0)
    book.tidy(1.0, forgiven=1000.0)
    assert sorted(one.name for one in book.scores()) == ["192.0.2.2", "192.0.2.3"]
    book.tidy(900.0, forgiven=1000.0)
    assert [one.name for one in book.scores()] == ["192.0.2.3"]
    book.tidy(2000.0, forgiven=1000.0)
    assert len(book) == 0
