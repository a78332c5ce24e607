import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.lexicons import lexicon, model
from tta_gateway.features.safety.finding import Finding, findings
from tta_gateway.features.safety.model import (
    SIZE,
    Head,
    Model,
    ModelError,
    length_of,
    of_findings,
    of_words,
    packed,
)


def test_a_file_of_weights_is_read_as_it_was_written() -> None:
    weights = [0.0] * SIZE
    weights[7] = 1.5
    weights[9] = -3.0
    made = Model(packed("2026.1", [(weights, 0.5, 0.25, 0.75), ([0.0] * SIZE, -0.5, 0.1, 0.2)]))
    assert made.version == "2026.1"
    assert (made.person.elevated, made.person.high) == (0.25, 0.75)
    assert made.person.score([7, 7], [], 3.0) == pytest.approx(made.person.score([], [7], 1.5), 0.2)
    assert made.person.score([], [9], 1.0) < made.person.score([], [], 1.0) < 0.63
    assert made.service.score([7], [9], 1.0) == pytest.approx(0.3775, abs=1e-3)


@pytest.mark.parametrize("data", [b"", b"x" * 64])
def test_what_is_no_file_of_weights_is_refused_by_its_size(data: bytes) -> None:
    with pytest.raises(ModelError, match="size"):
        Model(data)


def test_what_is_no_file_of_weights_is_refused_by_its_head() -> None:
    data = packed("1", [([0.0] * SIZE, 0.0, 0.0, 0.0)] * 2)
    with pytest.raises(ModelError, match="not a file"):
        Model(b"other" + data[5:])


def test_a_score_of_much_stays_below_one() -> None:
    head = Head(bytes([255]) * SIZE, scale=9.0, bias=0.0, elevated=0.1, high=0.2)
    assert 0.99 < head.score([1] * 1000, [2] * 1000, 1.0) <= 1.0


def test_words_are_seen_with_their_stems_and_neighbours() -> None:
    one, two = of_words(["die"]), of_words(["want", "die"])
    assert len(one) == 1
    assert len(two) == 3
    assert one[0] in two
    assert len(set(of_words(["hopeless"])) & set(of_words(["hopelessness"]))) == 1
    assert of_words(["a", "b", "c"])[-1] != of_words(["b", "a", "c"])[-1]
    assert of_words([]) == []


def test_findings_are_seen_once_each() -> None:
    small = lexicon()
    found = findings(small, small.words.of("i want to die. i want to die"))
    assert of_findings(found) == of_findings(found[:1])
    assert of_findings([]) == []


def test_many_findings_are_seen_as_several() -> None:
    found = [Finding(rule, 0, rule.level) for rule in lexicon().rules]
    assert len(of_findings(found)) > len(of_findings(found[:2]))


def test_a_long_text_weighs_no_more() -> None:
    assert length_of([]) == 2.0
    assert length_of([str(number) for number in range(396)]) == 20.0


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.integers(3, 200))
def test_words_weigh_no_more_by_being_said_again(words: list[str], times: int) -> None:
    """A score that grew with their number was a level for anybody who repeats himself."""
    assert sorted(of_words(words * times)) == sorted(of_words(words * 3))
    assert length_of(words * times) == length_of(words)


@given(st.lists(st.text(min_size=1)))
def test_any_words_have_features_and_a_score(words: list[str]) -> None:
    features = of_words(words)
    assert all(0 <= one < SIZE for one in features)
    assert 0 <= model(0.0).person.score(features, [], length_of(words)) <= 1
