import json
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.lexicons import lexicon, model
from tta_gateway.features.safety.detector import (
    BY_MODEL,
    KEPT,
    LEXICON,
    WEIGHTS,
    EmbeddedDetector,
    load,
    merged,
)
from tta_gateway.features.safety.lexicon import Lexicon
from tta_gateway.features.safety.model import SIZE, Model, of_words, packed
from tta_gateway.features.safety.normal import PIECE, pieces
from tta_gateway.kernel.verdict import Verdict

LOW, MIDDLE, HIGH = -9.0, 0.0, 9.0
SHIPPED = load()


def level(text: str, score: float) -> int:
    return EmbeddedDetector(lexicon(), model(score)).of_person(text).level


@pytest.mark.parametrize(
    ("text", "score", "expected"),
    [
        ("good morning to you", LOW, 0),
        ("good morning to you", MIDDLE, 1),
        ("good morning to you", HIGH, 2),
        ("want to die", LOW, 1),
        ("I want to die", LOW, 2),
        ("I want to die", MIDDLE, 2),
        ("I want to die", HIGH, 2),
        ("I will die", LOW, 3),
        ("he hits me, my father", LOW, 2),
        ("I will die of laughter", LOW, 0),
        ("she cuts herself", MIDDLE, 1),
        ("she cuts herself", HIGH, 2),
    ],
)
def test_the_model_lifts_and_lowers_but_clears_nothing(
    text: str, score: float, expected: int
) -> None:
    assert level(text, score) == expected


def test_a_verdict_says_what_was_found_and_by_what() -> None:
    detector = EmbeddedDetector(lexicon(), model(MIDDLE))
    found = detector.of_person("I want to die")
    assert found == Verdict(
        level=2, categories=("suicide",), rules=("suicide.active",), version="1+w", score=0.5
    )


def test_what_the_model_alone_has_found_says_so() -> None:
    detector = EmbeddedDetector(lexicon(), model(HIGH))
    found = detector.of_person("so it is")
    assert (found.rules, found.categories) == ((BY_MODEL,), ("suicide",))
    assert detector.of_person("hopeless").categories == ("suicide",)
    assert detector.of_person("she cuts herself").rules == (BY_MODEL, "self_harm.other")


def test_a_service_is_judged_by_its_own_head_and_rules() -> None:
    detector = EmbeddedDetector(lexicon(), model(LOW, MIDDLE))
    assert detector.of_service("I want to die").level == 1
    assert detector.of_service("my best way").level == 3


def test_a_long_text_is_as_bad_as_its_worst_piece() -> None:
    text = "good morning " * 800 + "I will die. " + "good evening " * 800
    found = EmbeddedDetector(lexicon(), model(LOW)).of_person(text)
    assert found.level == 3
    assert len(pieces(text)) > 3


def test_a_word_of_weight_is_seen_in_the_middle_of_much() -> None:
    word = of_words(["zebra"])[0]
    detector = EmbeddedDetector(lexicon(), model(-2.0, word=word))
    assert detector.of_person("xx yy " * PIECE + "zebra").level == 2


def test_verdicts_are_merged_into_the_highest() -> None:
    one = Verdict(1, ("abuse",), ("a",), "v", 0.9)
    two = Verdict(2, ("suicide", "abuse"), ("b",), "v", 0.5)
    assert merged([one, two]) == Verdict(2, ("suicide", "abuse"), ("a", "b"), "v", 0.9)
    assert merged([one]) is one


@given(st.text())
def test_no_text_is_too_odd_for_the_shipped_detector(text: str) -> None:
    for found in (SHIPPED.of_person(text), SHIPPED.of_service(text)):
        assert 0 <= found.level <= 3
        assert 0 <= found.score <= 1
        assert bool(found.rules) == bool(found.level)
        assert bool(found.categories) == bool(found.level)
        assert found.version == SHIPPED.version


def test_a_word_or_two_have_no_level_by_the_model_alone() -> None:
    detector = EmbeddedDetector(lexicon(), model(HIGH))
    for text in ("so", "so " * 100, "so so " * 100, "again and again and " * 100):
        assert detector.of_person(text).level == 0
        assert detector.of_service(text).level == 0
    assert detector.of_person("so it is").level == 2
    assert detector.of_person("hopeless").level == 2


@pytest.mark.parametrize(
    "words",
    [
        *("again and", "well", "no", "please", "he said she said", "one two three four", "a b"),
        *("la di da", "why", "more and more", "thank you so much", "up down left right"),
    ],
)
def test_who_repeats_himself_is_neither_at_risk_nor_harmful(words: str) -> None:
    for times in (1, 10, 100, 200):
        assert SHIPPED.of_person(f"{words} " * times).level == 0
        assert SHIPPED.of_service(f"{words} " * times).level == 0


def test_no_word_of_the_lexicon_says_more_by_being_repeated() -> None:
    """Of words that are a phrase by themselves, the level is that of the phrase."""
    known = sorted(Lexicon(LEXICON.read_text(encoding="utf-8")).words.known)
    for word in known[::7]:
        few, many = (f"{word} " * times for times in (3, 100))
        assert SHIPPED.of_person(many).level == SHIPPED.of_person(few).level
        assert SHIPPED.of_service(many).level == SHIPPED.of_service(few).level


def test_a_phrase_is_doubted_by_what_stands_around_it_and_by_nothing_further_off() -> None:
    """Harmless words before and after must not lower what a phrase is taken for."""
    doubt = of_words(["lovely"])[0]
    weights = [0.0] * SIZE
    weights[doubt] = -400.0
    detector = EmbeddedDetector(
        lexicon(), Model(packed("w", [(weights, 0.0, 0.3, 0.8), (weights, 0.0, 0.3, 0.8)]))
    )
    words = " ".join(f"w{number}" for number in range(100))
    assert detector.of_person("lovely . want to die").level == 1
    assert detector.of_person(f"lovely {words} . want to die").level == 2


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("i want to kil myslef", 2),
        ("sucidal thoguhts, i am suicidle", 2),
        ("idw live anymore", 2),
        ("<p>I want to <strong>die</strong></p>", 2),
        ("I.want.to.die.tonight", 2),
        ("my sister told me she is going to kill herself", 2),
        ("my daughter locked herself in and says she will kill herself", 3),
        ("my son says he doesn't want to live anymore", 1),
        ("I have the rope and I am ready", 3),
        ("No one knows that I want to die", 2),
        ("I told them I wasn't suicidal but I lied", 2),
        ("I haven't killed myself yet", 2),
        ("my coach touched me and told me not to tell", 2),
        ("mom locks me in the closet", 2),
        ("I am scared to go home because of my father", 2),
        ("nobody feeds us at home", 2),
        ("mum hasn't been home for four days", 2),
    ],
)
def test_what_was_missed_once_is_found(text: str, least: int) -> None:
    assert SHIPPED.of_person(text).level >= least


@pytest.mark.parametrize(
    "text",
    [
        *("My dad beats me at cards", "my plant wants to die", "I hit my head on the shelf"),
        *("I've been clean from cutting for 3 years now", "she will end the meeting early"),
        *("I have the tablets and I am ready for the flight", "I plan to hang the pictures myself"),
        "he told them to shoot the scene",
    ],
)
def test_what_only_sounded_like_it_is_nothing(text: str) -> None:
    assert SHIPPED.of_person(text).level == 0


ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[3] / "conformance" / "data" / "crisis_dev.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
CRISIS = {"suicide", "self_harm", "eating_disorder"}


def is_found(text: str) -> bool:
    found = SHIPPED.of_person(text)
    return found.level >= 2 and not CRISIS.isdisjoint(found.categories)


def test_the_shipped_detector_does_not_get_worse() -> None:
    """On rows that it was trained on: no measure of how good it is, but of what has changed."""
    positives = [row for row in ROWS if row["label"] and row["core"]]
    negatives = [row for row in ROWS if not row["label"]]
    assert len(positives) > 40
    assert sum(is_found(row["text"]) for row in positives) / len(positives) >= 0.9
    assert sum(is_found(row["text"]) for row in negatives) / len(negatives) <= 0.02


def test_its_model_card_is_in_the_package_and_in_the_documentation() -> None:
    card = LEXICON.with_name("model-card.md")
    assert "**Not clinically validated.**" in card.read_text(encoding="utf-8")
    root = Path(__file__).parents[4]
    told = (root / "docs/safety/model-card.md").read_text(encoding="utf-8")
    assert told == card.read_text(encoding="utf-8")
    packed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    shipped = packed["package-data"]["tta_gateway.features.safety"]
    for file in (card, KEPT, LEXICON, WEIGHTS):
        assert any(fnmatch(file.name, pattern) for pattern in shipped)
