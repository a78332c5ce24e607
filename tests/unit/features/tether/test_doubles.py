"""What a client says again."""

import pytest

from tta_gateway.features.tether.doubles import Doubles, name_of

NAMED = b'{"message_id": "m-0000001", "text": "a"}'


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (NAMED, "message_id:m-0000001"),
        (b'{"id": "12345678"}', "id:12345678"),
        (b'{"id": "1234567"}', ""),
        (b'{"id": 12345678}', ""),
        (b'{"text": "a"}', ""),
        (b'["id", "12345678"]', ""),
        (b"{broken", ""),
        (b'{"id": ' + b"[" * 50_000, ""),
        (b'{"id": "12345678", "a": "' + b"." * 70_000 + b'"}', ""),
        (b"\xff\xfe", ""),
    ],
)
def test_a_message_names_itself_by_a_text_that_is_long_enough(payload: bytes, name: str) -> None:
    assert name_of(payload) == name


def test_a_named_message_is_passed_on_once_at_any_time() -> None:
    doubles = Doubles()
    assert not doubles.is_double(NAMED, 0.0)
    assert doubles.is_double(NAMED + b" ", 100.0)


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
