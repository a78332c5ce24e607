import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.lexicons import lexicon, model
from tta_gateway.features.safety.detector import (
    BY_MODEL,
    EmbeddedDetector,
    load,
    merged,
)
from tta_gateway.features.safety.model import of_words
from tta_gateway.features.safety.normal import PIECE, pieces
from tta_gateway.kernel.verdict import Verdict

LOW, MIDDLE, HIGH = -9.0, 0.0, 9.0
SHIPPED = load()


def level(text: str, score: float) -> int:
    return EmbeddedDetector(lexicon(), model(score)).of_person(text).level


@pytest.mark.parametrize(
    ("text", "score", "expected"),
    [
        ("good morning", LOW, 0),
        ("good morning", MIDDLE, 1),
        ("good morning", HIGH, 2),
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
    found = detector.of_person("so")
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
    assert detector.of_person("x " * PIECE + "zebra").level == 2


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
