import json
from pathlib import Path

import pytest

from scripts import safety_train
from scripts.safety_train import (
    Example,
    Row,
    example,
    of_corpus,
    of_noise,
    of_rows,
    packed_model,
    rows,
    trained,
)
from tests.helpers.lexicons import lexicon
from tta_gateway.features.safety.model import SIZE, Model, length_of, of_words

GOOD = {"id": "1", "text": "x", "label": 1, "source": "a/b", "licence": "MIT"}


def test_rows_whose_licence_does_not_permit_it_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    lines = [GOOD, GOOD | {"licence": "CC-BY-NC-4.0"}, GOOD | {"licence": "none stated"}]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert rows([file]) == [Row("1", "x", 1, "a/b", core=True)]


def test_training_learns_what_its_examples_say() -> None:
    def seen(text: str, label: int) -> Example:
        return example(lexicon(), text, "person", label, 1.0)

    texts = [("so sad", 1), ("sad again", 1), ("so glad", 0), ("glad again", 0)] * 5
    person = trained([seen(text, label) for text, label in texts])
    head = Model(packed_model(person, person)).person

    def score(text: str) -> float:
        words = text.split()
        return head.score(of_words(words), [], length_of(words))

    assert score("sad") > 0.5 > score("glad")


def test_training_again_gives_the_same_weights() -> None:
    examples = [Example([1, 2], [3], 1.0, 1, 1.0), Example([4], [5], 1.0, 0, 1.0)]
    assert trained(examples) == trained(examples)


def test_usual_words_in_no_order_say_nothing() -> None:
    made = of_noise(lexicon(), "person")
    assert len(made) > 900
    assert {one.label for one in made} == {0}
    assert made == of_noise(lexicon(), "person")


def test_rows_at_risk_are_no_harm_for_services() -> None:
    given = [Row("1", "x", 1, "s", core=True), Row("2", "y", 0, "s", core=True)]
    assert [one.label for one in of_rows(lexicon(), given, "person")] == [1, 0]
    assert [one.label for one in of_rows(lexicon(), given, "service")] == [0]


def test_what_people_say_is_no_harm_for_services() -> None:
    assert sum(1 - one.label for one in of_corpus(lexicon(), "service")) > 800
    assert 0 < sum(one.label for one in of_corpus(lexicon(), "person")) < 2000


def test_the_command_writes_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(GOOD))
    monkeypatch.setattr(safety_train, "trained", lambda _: ([0.5] * SIZE, -1.0))
    to = tmp_path / "weights.bin"
    assert safety_train.main([str(file), "--to", str(to)]) == 0
    assert Model(to.read_bytes()).version == safety_train.VERSION
