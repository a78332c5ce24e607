"""Whom a worker remembers."""

from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety import people as module
from tta_gateway.features.safety.accounts import DAY
from tta_gateway.features.safety.people import AT_RISK, SHORT, TOGETHER, People, Person

COOL = 600.0


def somebody() -> Person:
    return Person()


def test_the_card_is_given_once_in_a_while_and_again_when_the_level_rises() -> None:
    who = somebody()
    given_at = [
        who.needs_card("c1", level, now, COOL)
        for level, now in ((2, 0.0), (2, 10.0), (3, 20.0), (3, 619.0), (3, 620.0))
    ]
    assert given_at == [True, False, True, False, True]


def test_each_connection_is_given_its_own() -> None:
    who = somebody()
    assert who.needs_card("c1", 2, 0.0, COOL)
    assert who.needs_card("c2", 2, 1.0, COOL)
    assert not who.needs_card("c1", 2, 2.0, COOL)


def test_of_many_connections_the_oldest_are_forgotten() -> None:
    who = somebody()
    assert all(who.needs_card(f"c{number}", 2, 0.0, COOL) for number in range(9))
    assert who.needs_card("c0", 2, 1.0, COOL)


def test_others_are_told_in_the_same_way_whatever_the_connection() -> None:
    who = somebody()
    found = [who.needs_telling(level, now, COOL) for level, now in ((2, 0.0), (2, 9.0), (3, 10.0))]
    assert found == [True, False, True]


def test_so_many_texts_are_given() -> None:
    who = somebody()
    assert [who.gives_text(1, 1.0) for _ in range(21)] == [True] * 20 + [False]


def test_what_is_slight_takes_no_place_of_what_is_grave() -> None:
    who = somebody()
    given = [sum(who.gives_text(level, 1.0) for _ in range(25)) for level in (1, 2, 3, 1)]
    assert given == [20, 20, 20, 0]


def test_each_day_has_places_of_its_own() -> None:
    who = somebody()
    assert all(who.gives_text(1, 1.0) for _ in range(20))
    assert not who.gives_text(1, DAY - 1.0)
    assert who.gives_text(1, 1.0 + DAY)


def test_short_messages_are_heard_together() -> None:
    who = somebody()
    assert who.together("one", 0.0) == ""
    assert who.together("two", 1.0) == "one two"
    assert who.together("three", TOGETHER + 0.5) == "two three"


def test_of_many_short_messages_the_last_are_heard_together() -> None:
    who = somebody()
    found = ""
    for letter in "abcdefghijklmnopqrst":
        found = who.together(f"some words {letter}", 0.0)
    assert found.endswith("some words s some words t")
    assert len(found) <= 240


def test_a_long_message_is_no_part_of_a_sentence() -> None:
    who = somebody()
    who.together("one", 0.0)
    assert who.together("x" * (SHORT + 1), 1.0) == ""
    assert who.together("two", 2.0) == ""
    assert who.together("three", 3.0) == "two three"
    assert who.together("y" * SHORT, 4.0) == "two three " + "y" * SHORT


def test_the_form_of_messages_does_not_come_between() -> None:
    who = somebody()
    who.together("message\none\nuser_1", 0.0)
    assert who.together("message\ntwo\nuser_1", 1.0) == "message one two"
    assert who.together("message\nand three\nuser_1", 2.0) == "message one two and three"


def test_what_was_understood_is_not_heard_again() -> None:
    who = somebody()
    who.together("one", 0.0)
    who.forget_said()
    assert who.together("two", 1.0) == ""


@given(st.lists(st.text(max_size=2 * SHORT), max_size=40))
def test_little_is_kept_of_what_was_said(texts: list[str]) -> None:
    who = somebody()
    for text in texts:
        assert len(who.together(text, 0.0)) <= 240 + SHORT


def test_somebody_is_at_risk_for_half_an_hour() -> None:
    who = somebody()
    who.is_at(2, 0.0)
    who.is_at(1, 10.0)
    assert (who.level, who.is_at_risk(10.0 + AT_RISK - 1)) == (2, True)
    assert not who.is_at_risk(10.0 + AT_RISK)
    who.is_at(1, 10.0 + AT_RISK)
    assert who.level == 1


def test_whoever_is_at_risk_is_remembered_longest() -> None:
    everybody = People()
    who = somebody()
    who.is_at(3, 0.0)
    everybody.keep("ada", who, at_risk=True)
    for number in range(module.MOST + 5):
        everybody.keep(f"p{number}", somebody(), at_risk=False)
    assert everybody.is_at_risk("ada", 1.0)
    assert everybody.find("p0") is None
    assert repr(everybody) == f"<{module.MOST} people, 1 at risk>"


def test_somebody_is_of_one_kind() -> None:
    everybody = People()
    who = somebody()
    assert not everybody.is_at_risk("ada", 0.0)
    everybody.keep("ada", who, at_risk=True)
    everybody.keep("ada", who, at_risk=False)
    assert everybody.find("ada") is who
    everybody.keep("bob", somebody(), at_risk=True)
    assert not everybody.is_at_risk("ada", 0.0)
