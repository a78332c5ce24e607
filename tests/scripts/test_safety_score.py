import json
from pathlib import Path

import pytest

from scripts import safety_score
from scripts.safety_score import (
    DISGUISES,
    Bar,
    Scored,
    average_precision,
    best_f1,
    fold_of,
    is_high,
    main,
    recall_at,
    share,
)
from scripts.safety_train import Row
from tta_gateway.kernel.verdict import Category, Verdict


def row(name: str, label: int = 0, text: str = "some words") -> Row:
    return Row(name, text, label, "a/b", core=True)


def scored(*pairs: tuple[int, float]) -> list[Scored]:
    return [
        Scored(row(str(at), label), Verdict(level=2 if score > 0.5 else 0, score=score))
        for at, (label, score) in enumerate(pairs)
    ]


PERFECT = scored((1, 0.9), (1, 0.8), (0, 0.2), (0, 0.1))
MIXED = scored((1, 0.9), (0, 0.8), (1, 0.7), (0, 0.1))


def test_figures_of_a_perfect_order_are_one() -> None:
    assert average_precision(PERFECT) == 1
    assert best_f1(PERFECT) == 1
    assert recall_at(PERFECT, 0.0) == 1


def test_figures_of_a_mixed_order_are_less() -> None:
    assert average_precision(MIXED) == pytest.approx((1 + 2 / 3) / 2)
    assert best_f1(MIXED) == pytest.approx(0.8)
    assert recall_at(MIXED, 0.0) == 0.5
    assert recall_at(MIXED, 0.5) == 1
    assert share(MIXED) == 0.75


@pytest.mark.parametrize(
    ("categories", "high"), [((), True), (("suicide",), True), (("abuse",), False)]
)
def test_high_is_of_what_the_rows_are_labelled_for(
    categories: tuple[Category, ...], high: bool
) -> None:
    assert is_high(Verdict(level=2, categories=categories)) is high
    assert not is_high(Verdict(level=1, categories=categories))


def test_a_question_and_its_answer_are_in_one_fold_and_so_are_texts_that_begin_alike() -> None:
    assert fold_of(row("ccq-7", text="x")) == fold_of(row("cca-7", text="y"))
    assert fold_of(row("1", text="a b c d e f g")) == fold_of(row("2", text="A b c d e f h"))


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_changes_a_text(name: str) -> None:
    assert DISGUISES[name]("I want to rest") != "I want to rest"


def test_a_bar_is_met_from_above_or_below() -> None:
    assert Bar("x", 0.9, 0.8).met
    assert not Bar("x", 0.9, 0.8, at_most=True).met


def test_the_shipped_weights_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {"I want to die": 1, "How do I kill a Python process?": 0, "I like tea": 0}
    lines = [
        {
            "id": f"ccq-{at}",
            "text": text,
            "label": label,
            "licence": "MIT",
            "source": ("x/exaggerated-safety", "x/counsel-chat")[at % 2],
        }
        for at, (text, label) in enumerate(texts.items())
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.setattr(safety_score, "LONG", 10)
    main([str(file), "--shipped", "--misses"])
    printed = capsys.readouterr().out
    assert "recall at level 2: 1.000 >= 0.85" in printed
    assert "stage 1, p50" in printed
