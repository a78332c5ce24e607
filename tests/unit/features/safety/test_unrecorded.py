"""What is counted of messages that have no record of their own."""

from tests.helpers.heard_people import PLACE, a_speaker
from tta_gateway.features.safety.unrecorded import MOST, Unrecorded
from tta_gateway.kernel.listening import Heard, Place
from tta_gateway.kernel.verdict import Category, Verdict


def heard(level: int = 2, *categories: Category) -> Heard:
    return Heard(Verdict(level, categories), level=level, text="words")


def counted(found: Unrecorded) -> list[tuple[str, int, bool, int]]:
    return [
        (one.speaker.key, one.heard.level, one.delivered, one.messages) for one in found.taken()
    ]


def test_messages_are_counted_by_whose_they_are_and_how_grave() -> None:
    found = Unrecorded()
    for who, level in (("ada", 2), ("ada", 2), ("ada", 3), ("bo", 2)):
        found.add(a_speaker(who), PLACE, heard(level), delivered=True, source="message")
    assert len(found) == 3
    assert counted(found) == [
        ("home/ada", 2, True, 2),
        ("home/ada", 3, True, 1),
        ("home/bo", 2, True, 1),
    ]
    assert counted(found) == []


def test_of_what_was_said_nothing_is_kept_but_what_it_was_about() -> None:
    found, elsewhere = Unrecorded(), Place("elsewhere", "")
    found.add(a_speaker(), PLACE, heard(2, "suicide"), delivered=True, source="message")
    found.add(a_speaker(), elsewhere, heard(2, "abuse"), delivered=True, source="message")
    (one,) = found.taken()
    assert one.heard.verdict.categories == ("suicide", "abuse")
    assert (one.heard.text, one.place) == ("", elsewhere)


def test_one_that_has_not_arrived_after_all_is_counted_once() -> None:
    found = Unrecorded()
    first, second = heard(), heard()
    for one in (first, second):
        found.add(a_speaker(), PLACE, one, delivered=True, source="message")
    for one in (first, second):
        found.add(a_speaker(), PLACE, one, delivered=False, source="message")
    assert counted(found) == [("home/ada", 2, False, 2)]
    found.add(a_speaker(), PLACE, first, delivered=False, source="message")
    assert counted(found) == [("home/ada", 2, False, 1)]


def test_it_does_not_grow_for_ever() -> None:
    found, one = Unrecorded(), heard()
    for number in range(MOST):
        found.add(a_speaker(f"p{number}"), PLACE, heard(), delivered=True, source="message")
    found.add(a_speaker("one more"), PLACE, one, delivered=True, source="message")
    found.add(a_speaker("p0"), PLACE, one, delivered=True, source="message")
    told = counted(found)
    assert (len(told), told[0]) == (MOST, ("home/p0", 2, True, 2))
    assert "home/one more" not in {who for who, *_ in told}
