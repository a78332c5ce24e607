"""What a client says again."""

import tracemalloc

import pytest

from tta_gateway.features.tether.doubles import Doubles, Kind, kind_of

NAMED = b'{"message_id": "m-0000001", "text": "a"}'


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (NAMED, Kind.NAMED),
        (b'{"id": "12345678"}', Kind.NAMED),
        (b'{"id": "1234567"}', Kind.OTHER),
        (b'{"id": 12345678}', Kind.OTHER),
        (b'{"text": "a"}', Kind.OTHER),
        (b'["id", "12345678"]', Kind.OTHER),
        (b"{broken", Kind.OTHER),
        (b'{"id": ' + b"[" * 50_000, Kind.OTHER),
        (b'{"id": "12345678", "a": "' + b"." * 70_000 + b'"}', Kind.OTHER),
        (b"\xff\xfe", Kind.OTHER),
        (b'{"type": "ping", "id": "12345678"}', Kind.PING),
    ],
)
def test_a_message_names_itself_by_a_text_that_is_long_enough(payload: bytes, kind: Kind) -> None:
    assert kind_of(payload) is kind


def test_a_named_message_is_passed_on_once_at_any_time() -> None:
    doubles = Doubles()
    assert not doubles.is_double(NAMED, 0.0)
    assert doubles.is_double(NAMED, 100.0)


def test_the_same_name_in_another_message_is_no_double() -> None:
    doubles = Doubles()
    assert not doubles.is_double(NAMED, 0.0)
    assert not doubles.is_double(NAMED + b" ", 100.0)


def test_a_ping_is_no_double() -> None:
    doubles = Doubles()
    doubles.is_double(b'{"type": "ping"}', 0.0)
    doubles.came_back(1.0)
    assert not doubles.is_double(b'{"type": "ping"}', 2.0)


def test_names_of_any_length_take_little_room() -> None:
    doubles = Doubles()
    tracemalloc.start()
    for number in range(64):
        doubles.is_double(b'{"id": "%b%d"}' % (b"n" * 60_000, number), 0.0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 500_000


def test_what_is_lost_with_a_service_may_be_said_again_and_what_waits_may_not() -> None:
    doubles = Doubles()
    said = [b'{"id": "number-%d"}' % number for number in range(4)]
    for one in said:
        doubles.is_double(one, 0.0)
    doubles.lost(2, waiting=1)
    assert [doubles.is_double(one, 1.0) for one in said] == [True, False, False, True]


def test_more_may_wait_than_is_remembered() -> None:
    doubles = Doubles()
    doubles.is_double(NAMED, 0.0)
    doubles.lost(1, waiting=5)
    assert doubles.is_double(NAMED, 1.0)


@pytest.mark.parametrize("message", [NAMED, b"yes"])
@pytest.mark.parametrize("behind_a_return", [False, True])
def test_what_was_stopped_may_be_said_again(message: bytes, *, behind_a_return: bool) -> None:
    doubles = Doubles()
    doubles.is_double(message, 0.0)
    doubles.is_double(b"no", 0.0)
    if behind_a_return:
        doubles.came_back(1.0)
    assert doubles.stopped(message, within=2)
    assert not doubles.stopped(message, within=2)
    if not behind_a_return:
        doubles.came_back(1.0)
    assert not doubles.is_double(message, 2.0)
    assert doubles.is_double(b"no", 2.0)


def test_what_was_stopped_late_was_not_said_last() -> None:
    doubles = Doubles()
    doubles.is_double(NAMED, 0.0)
    doubles.is_double(b"no", 0.0)
    assert not doubles.stopped(NAMED, within=1)


def test_names_are_remembered_within_bounds() -> None:
    doubles = Doubles()
    for number in range(513):
        assert not doubles.is_double(b'{"id": "number-%d"}' % number, 0.0)
    assert doubles.is_double(b'{"id": "number-512"}', 0.0)
    assert not doubles.is_double(b'{"id": "number-0"}', 0.0)


def test_the_same_bytes_are_no_double_while_nobody_has_come_back() -> None:
    doubles = Doubles()
    assert [doubles.is_double(b"yes", 0.0) for _ in range(3)] == [False] * 3


def test_behind_a_return_bytes_are_doubles_as_often_as_they_were_said() -> None:
    doubles = Doubles()
    for _ in range(2):
        doubles.is_double(b"yes", 0.0)
    doubles.came_back(1.0)
    assert [doubles.is_double(b"yes", 2.0) for _ in range(3)] == [True, True, False]


def test_a_while_behind_a_return_they_are_none() -> None:
    doubles = Doubles()
    doubles.is_double(b"yes", 0.0)
    doubles.came_back(1.0)
    assert not doubles.is_double(b"yes", 11.0)


def test_what_was_said_before_a_sign_of_life_is_no_double() -> None:
    doubles = Doubles()
    doubles.is_double(b"yes", 0.0)
    doubles.settled()
    doubles.is_double(b"no", 0.0)
    doubles.came_back(1.0)
    assert [doubles.is_double(one, 2.0) for one in (b"yes", b"no")] == [False, True]


def test_who_comes_back_twice_says_it_again_twice() -> None:
    doubles = Doubles()
    doubles.is_double(b"yes", 0.0)
    doubles.came_back(1.0)
    doubles.came_back(2.0)
    assert [doubles.is_double(b"yes", 3.0) for _ in range(2)] == [True, False]


def test_bytes_are_remembered_within_bounds() -> None:
    doubles = Doubles()
    for number in range(513):
        doubles.is_double(b"%d" % number, 0.0)
    doubles.came_back(0.0)
    assert [doubles.is_double(one, 1.0) for one in (b"0", b"512")] == [False, True]


def test_what_is_remembered_is_remembered_elsewhere() -> None:
    here, there = Doubles(), Doubles()
    named = b'{"id": "message-1"}'
    here.is_double(named, 0.0)
    here.is_double(b"of before", 0.0)
    here.came_back(0.0)
    here.is_double(b"of now", 0.0)
    there.unpack(here.packed())
    there.came_back(1.0)
    assert [there.is_double(one, 1.0) for one in (named, b"of before", b"of now", b"new")] == [
        *(True, True, True, False),
    ]
    assert there.stopped(b"of now", within=2) is True
