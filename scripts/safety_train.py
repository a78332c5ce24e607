"""Train the detector's model and write src/tta_gateway/features/safety/weights.bin.

    python -m scripts.safety_train ROWS.jsonl... [--to FILE]

ROWS are texts of others with `text`, `label`, `source` and `licence`; those whose licence is not on
the list are left out.  The project's own phrases, safety_corpus.txt, are always in.  The same rows
give the same bytes.  scripts/safety_score.py measures what comes of it.
"""

import argparse
import json
import math
import random
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from scripts.safety_corpus import CORPUS, Head, phrases
from tta_gateway.features.safety.detector import LEXICON, WEIGHTS
from tta_gateway.features.safety.finding import findings
from tta_gateway.features.safety.lexicon import Lexicon
from tta_gateway.features.safety.model import (
    SIZE,
    length_of,
    of_findings,
    of_words,
    packed,
)
from tta_gateway.features.safety.normal import PIECE

VERSION: Final = "2026.11.2"
LICENCES: Final = ("MIT", "CC-BY-4.0", "Apache-2.0")
NOISE: Final = 1000
EPOCHS: Final = 12
RATE: Final = 0.12
DECAY: Final = 2e-4
"""of each weight at each example that has it: weights that few texts speak for stay small"""
ELEVATED: Final = 0.3
HIGH: Final = 0.55
WEIGHT: Final = {("rows", 1): 6.0, ("rows", 0): 1.0, ("corpus", 1): 0.5, ("corpus", 0): 0.5}
_SEED: Final = 20261126


class Row(NamedTuple):
    """A text of others."""

    id: str
    text: str
    label: int
    source: str
    core: bool


class Example(NamedTuple):
    """What the model sees of a text, and what it should say."""

    words: list[int]
    rules: list[int]
    length: float
    label: int
    weight: float


Weights = tuple[list[float], float]


def rows(files: Iterable[Path]) -> list[Row]:
    """Return the rows that may be trained on."""
    made = []
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            if one["licence"].split()[0].rstrip(";,") in LICENCES:
                made.append(
                    Row(one["id"], one["text"], one["label"], one["source"], one.get("core", True))
                )
    return made


def example(lexicon: Lexicon, text: str, head: Head, label: int, weight: float) -> Example:
    """Return what the model sees of a text, of its first piece."""
    words = lexicon.words.of(text[:PIECE])
    found = findings(lexicon, words, of_service=head == "service")
    return Example(of_words(words), of_findings(found), length_of(words), label, weight)


def of_corpus(lexicon: Lexicon, head: Head) -> list[Example]:
    """Return the project's own phrases for a head.

    What must not be shown is seen from the other side too: what people in need say is no harm.
    """
    texts = phrases(CORPUS.read_text(encoding="utf-8"))
    made = [
        example(lexicon, one.text, head, one.label, WEIGHT["corpus", one.label])
        for one in texts
        if one.head == head
    ]
    if head == "service":
        made += [
            example(lexicon, one.text, head, 0, 0.25)
            for one in texts
            if one.head == "person"
            and not re.match(r"(?i)how|what|tell|write|where|show", one.text)
        ]
    return made


def of_rows(lexicon: Lexicon, given: Sequence[Row], head: Head) -> list[Example]:
    """Return rows for a head; to services' they are texts without harm, if not at risk at all."""
    if head == "service":
        return [example(lexicon, one.text, head, 0, 0.5) for one in given if not one.label]
    return [example(lexicon, one.text, head, one.label, WEIGHT["rows", one.label]) for one in given]


def of_noise(lexicon: Lexicon, head: Head) -> list[Example]:
    """Return texts of usual words in no order: they say nothing, however they come together."""
    chance = random.Random(_SEED)  # noqa: S311 - an order, no secret
    made = []
    for _ in range(NOISE):
        words = chance.choices(lexicon.common, k=chance.randint(1, 9))
        found = findings(lexicon, words, of_service=head == "service")
        if not found:
            made.append(Example(of_words(words), [], length_of(words), 0, 0.25))
    return made


def trained(examples: Sequence[Example]) -> Weights:
    """Return weights and bias of a logistic regression, by Adagrad."""
    chance = random.Random(_SEED)  # noqa: S311 - an order, no secret
    weights = [0.0] * SIZE
    squares = [1e-2] * SIZE
    bias, bias_square = -1.0, 1e-2
    order = list(range(len(examples)))
    for _ in range(EPOCHS):
        chance.shuffle(order)
        for at in order:
            slope = _slope(examples[at], weights, bias)
            bias_square += slope * slope
            bias -= RATE * slope / math.sqrt(bias_square)
            _step(examples[at], slope, weights, squares)
    return weights, bias


def _slope(one: Example, weights: list[float], bias: float) -> float:
    total = bias + sum(weights[at] for at in one.words) / one.length
    total += sum(weights[at] for at in one.rules)
    return one.weight * (1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total)))) - one.label)


def _step(one: Example, slope: float, weights: list[float], squares: list[float]) -> None:
    for value, features in ((1.0 / one.length, one.words), (1.0, one.rules)):
        change = slope * value
        square = change * change
        for at in features:
            squares[at] += square
            weights[at] -= RATE * change / math.sqrt(squares[at]) + DECAY * weights[at]


def packed_model(person: Weights, service: Weights) -> bytes:
    """Return the file of weights of both heads."""
    return packed(VERSION, [(weights, bias, ELEVATED, HIGH) for weights, bias in (person, service)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=Path)
    parser.add_argument("--to", type=Path, default=WEIGHTS)
    given = parser.parse_args(arguments)
    lexicon = Lexicon(LEXICON.read_text(encoding="utf-8"))
    known = rows(given.rows)
    heads: list[Weights] = []
    names: tuple[Head, Head] = ("person", "service")
    for head in names:
        examples = of_corpus(lexicon, head) + of_noise(lexicon, head)
        examples += of_rows(lexicon, known, head)
        print(f"{head}: {len(examples)} texts")
        heads.append(trained(examples))
    given.to.write_bytes(packed_model(heads[0], heads[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
