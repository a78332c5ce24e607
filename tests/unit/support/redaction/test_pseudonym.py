"""Pseudonyms: the same on one day, another on the next, and nothing without the key."""

from tests.helpers.fake_clock import FakeClock
from tta_gateway.support.redaction.pseudonym import Pseudonyms, pseudonym

KEY = b"k" * 32
DAY = 24 * 3600.0


def test_somebody_is_called_the_same_all_day_by_all_processes_and_otherwise_tomorrow() -> None:
    clock = FakeClock()
    one, other = (Pseudonyms(clock.wall, lambda: KEY) for _ in range(2))
    today = one.of("gateway/ada")
    assert today == one.of("gateway/ada") == other.of("gateway/ada")
    assert today == pseudonym("gateway/ada", int(clock.wall() // DAY), KEY)
    assert "ada" not in today
    clock.advance(DAY)
    assert one.of("gateway/ada") != today


def test_two_people_are_told_apart_and_nobody_is_nobody() -> None:
    people = Pseudonyms(key=lambda: KEY)
    assert people.of("ada") != people.of("bob")
    assert people.of("") == ""


def test_another_key_makes_others() -> None:
    assert pseudonym("ada", 1, KEY) != pseudonym("ada", 1, b"o" * 32)


def test_without_a_key_they_are_this_process_own() -> None:
    def away() -> bytes:
        raise OSError

    assert Pseudonyms(key=away).of("ada") != Pseudonyms().of("ada")


def test_a_key_that_could_not_be_had_is_asked_for_again_and_then_no_more() -> None:
    clock = FakeClock()
    asked: list[float] = []

    def key() -> bytes:
        asked.append(clock.wall())
        if len(asked) < 3:
            raise OSError
        return KEY

    people = Pseudonyms(clock.wall, key)
    own = people.of("ada")
    assert (people.of("ada"), len(asked)) == (own, 1)
    clock.advance(10.0)
    assert (people.of("ada"), len(asked)) == (own, 2)
    clock.advance(10.0)
    assert people.of("ada") == pseudonym("ada", int(clock.wall() // DAY), KEY) != own
    clock.advance(3600.0)
    people.of("bob")
    assert len(asked) == 3


def test_not_everybody_is_remembered() -> None:
    people = Pseudonyms(key=lambda: KEY)
    made = [people.of(str(number)) for number in range(1500)]
    assert people.of("0") == made[0]
    assert len(set(made)) == len(made)
