"""Cards: what they say, to whom, and in which forms."""

import itertools
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.safety.bound import EVERYWHERE, Line, Region
from tta_gateway.features.safety.card import (
    Card,
    Place,
    Shown,
    block,
    body,
    card,
    chat_content,
    chat_metadata,
    encoded,
    frame,
    header,
    is_due,
    lines,
    resource,
    types,
    words,
)
from tta_gateway.features.safety.texts import ENGLISH
from tta_gateway.kernel.crisis import Fate
from tta_gateway.kernel.verdict import Category

ALL = Line(name="Lifeline", call="988", text="988", url="https://a.test")
TEXT = Line(name="Text line", text="741 741", say="HOME")
ABUSE = Line(name="Against abuse", call="1-800-799-7233", topics=("abuse",))
REGION = Region(emergency="911", lines=(ALL, TEXT, ABUSE))
HERE = Place(REGION, "US")


def made(level: int = 2, *topics: Category, place: Place = HERE, fate: Fate = "") -> Card:
    return card(place, ENGLISH, language="en", level=level, topics=topics, fate=fate)


def named(one: Card) -> list[str]:
    return [resource.name for resource in one.resources]


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (0, ENGLISH.static),
        (1, ENGLISH.elevated),
        (2, ENGLISH.high),
        (3, ENGLISH.imminent),
        (4, ENGLISH.imminent),
    ],
)
def test_each_level_has_its_words(level: int, text: str) -> None:
    assert made(level).text == text


def test_a_region_has_its_lines_and_its_number() -> None:
    one = made()
    assert named(one) == ["Lifeline", "Text line", EVERYWHERE.name]
    assert (one.region, one.emergency) == ("US", "911")
    assert one.danger == "If anybody is in danger right now, please call 911."


def test_where_the_region_is_not_known_there_is_help_too() -> None:
    one = made(3, place=Place())
    assert named(one) == [EVERYWHERE.name]
    assert (one.region, one.emergency, one.danger) == ("", "", ENGLISH.danger_unknown)


def test_lines_for_what_it_is_about_come_first_but_for_a_life() -> None:
    assert named(made(2, "abuse"))[0] == "Against abuse"
    assert named(made(2, "suicide", "abuse"))[:3] == ["Lifeline", "Text line", "Against abuse"]
    assert "Against abuse" not in named(made(2, "psychosis"))


@pytest.mark.parametrize(
    ("fate", "words"), [("", ""), ("kept", ENGLISH.kept), ("counted", ENGLISH.counted)]
)
def test_a_message_that_was_not_passed_on_is_spoken_of(fate: Fate, words: str) -> None:
    assert (made(fate=fate).message, made(fate=fate).about_message) == (fate, words)


@pytest.mark.parametrize(
    ("line", "url"),
    [
        (ALL, "tel:988"),
        (ABUSE, "tel:18007997233"),
        (Line(name="a", call="+44 (0) 1"), "tel:+4401"),
        (TEXT, "sms:741741"),
        (EVERYWHERE, "https://findahelpline.com"),
    ],
)
def test_a_resource_can_be_followed(line: Line, url: str) -> None:
    assert resource(line).url == url


def test_the_field_is_a_structured_one_with_the_first_line() -> None:
    assert header(made()) == (
        b'available; region="US"; emergency="911"; call="988"; text="988"; '
        b'url="https://findahelpline.com"'
    )
    assert header(made(place=Place())) == b'available; url="https://findahelpline.com"'


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_number_can_break_the_field(call: str, emergency: str) -> None:
    region = Region(emergency=emergency, lines=(Line(name="a", call=call),))
    told = header(made(place=Place(region, "US")))
    assert told.isascii()
    assert not set(told) & set(b"\r\n\\")
    assert told.count(b'"') % 2 == 0


def test_a_card_is_a_document_of_its_own() -> None:
    told = json.loads(body(made()))["help"]
    assert told == json.loads(encoded(made()))
    assert (told["level"], told["language"], told["title"]) == (2, "en", ENGLISH.high_title)
    assert told["resources"][0] == {
        "name": "Lifeline",
        "url": "tel:988",
        "call": "988",
        "text": "988",
        "link": "https://a.test",
    }
    assert "guessed" not in told


def test_the_block_has_a_form_of_ours_and_one_of_the_platform() -> None:
    ours = json.loads(block(made(2, "suicide"), ("suicide",), nested=False))
    assert (ours["level"], ours["categories"], "crisis" in ours) == (2, ["suicide"], False)
    theirs = json.loads(block(made(2, "suicide"), ("suicide",), nested=True))
    assert (theirs["crisis"], theirs["types"]) == (True, ["suicidal_ideation"])
    assert theirs["crisis_resources"][0] == {"name": "Lifeline", "url": "tel:988"}
    assert json.loads(block(made(1), ("suicide",), nested=True))["crisis"] is False


def test_a_category_without_a_word_of_the_platform_keeps_its_own() -> None:
    assert types(("abuse", "psychosis")) == ["domestic_violence", "psychosis"]


def test_a_frame_is_told_from_other_data_by_its_type() -> None:
    told = json.loads(msgspec.json.encode(frame(made(), ("abuse",))))
    assert (told["type"], told["level"], told["categories"]) == ("help", 2, ["abuse"])
    assert told["help"]["text"] == ENGLISH.high


def test_a_card_in_the_platform_s_chat_is_text_and_elements() -> None:
    content = json.loads(msgspec.json.encode(chat_content(made(2, "abuse", fate="kept"))))
    assert content["text"] == f"{ENGLISH.high} {made().danger} {ENGLISH.kept}"
    assert content["elements"][0] == {
        "type": "resource",
        "id": "against_abuse",
        "label": "Against abuse",
        "method": "phone",
        "info": "1-800-799-7233",
        "emergency": False,
    }
    ways = [(one["method"], one["info"]) for one in content["elements"][2:]]
    assert ways == [("text", "HOME to 741 741"), ("web", "https://findahelpline.com")]


def test_the_platform_s_pages_find_what_they_look_for() -> None:
    told = chat_metadata(made(3, "self_harm"), ("self_harm",))
    assert told["safety"] == {"crisis": True, "types": ["self_harm"], "level": 3}
    resources = told["crisis_resources"]
    assert isinstance(resources, list)
    assert resources[0] == {"name": "Lifeline", "url": "tel:988"}


@pytest.mark.parametrize(
    ("shown", "level", "due"),
    [
        (None, 0, False),
        (None, 1, True),
        (Shown(2, 100.0), 2, False),
        (Shown(2, 100.0), 1, False),
        (Shown(2, 100.0), 3, True),
        (Shown(2, 90.0), 1, True),
        (Shown(2, 90.0), 0, False),
    ],
)
def test_a_card_is_not_on_every_line(shown: Shown | None, level: int, *, due: bool) -> None:
    assert is_due(shown, level, now=110.0, cool_down=20.0) is due


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 30)), max_size=30))
def test_between_two_cards_lies_the_time_unless_the_level_rises(
    turns: list[tuple[int, float]],
) -> None:
    now, shown, cards = 0.0, None, []
    for level, passed in turns:
        now += passed
        if is_due(shown, level, now=now, cool_down=60.0):
            shown = Shown(level, now)
            cards.append(shown)
    for one, other in itertools.pairwise(cards):
        assert other.at - one.at >= 60.0 or other.level > one.level


def test_a_card_may_be_said_in_words() -> None:
    assert words(made(0)) == (
        f"{ENGLISH.static_title}. {ENGLISH.static} {ENGLISH.danger.format(number='911')} "
        'Lifeline: 988; Text line: 741 741 "HOME"; '
        f"{EVERYWHERE.name}: {EVERYWHERE.url}. {ENGLISH.elsewhere}"
    )


def test_what_has_little_room_says_whom_to_call_and_a_page() -> None:
    most, shorter, shortest, page = lines(made(0))
    assert most == (
        "Support is available: 988, findahelpline.com. "
        "If anybody is in danger right now, please call 911."
    )
    assert shorter == "Support is available: 988, findahelpline.com"
    assert shortest == "Support is available: findahelpline.com"
    assert page == "findahelpline.com"


def test_where_no_line_is_known_it_says_a_page() -> None:
    assert lines(made(0, place=Place()))[1] == "Support is available: findahelpline.com"
    only_texts = Place(Region(emergency="112", lines=(TEXT,)), "XX")
    assert lines(made(0, place=only_texts))[1] == (
        "Support is available: 741 741, findahelpline.com"
    )
