"""What is said of publications and of how much is kept of them."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.realtime.publication import (
    Keeping,
    Position,
    key_of_person,
    key_of_service,
    size_of,
)

AMOUNT = st.integers(min_value=0, max_value=10)


@given(size=AMOUNT, seconds=AMOUNT)
def test_nothing_is_kept_without_both_a_size_and_a_time(size: int, seconds: int) -> None:
    assert Keeping(size, seconds).is_on is (size != 0 and seconds != 0)


def test_a_position_of_another_epoch_is_another() -> None:
    assert Position(3, "a") != Position(3, "b")
    assert Position(3, "a") == Position(3, "a")


def test_tags_are_as_large_as_they_are_written() -> None:
    assert (size_of({}), size_of({"a": "é", "bc": ""})) == (0, 5)


def test_a_key_of_a_service_is_its_own_and_none_is_none() -> None:
    assert key_of_service("") == ""
    assert key_of_service("k") not in ("", "k", '["user","ada","k"]')


def test_the_key_of_a_person_is_no_channels() -> None:
    assert key_of_person("ada") == "person ada"
    assert key_of_person("ada") != key_of_person("ben")
    assert " " in key_of_person("")  # as no channel's name may have
