"""Measure the detector: on rows of others, on disguised ones, and by the clock.

    python -m scripts.safety_score ROWS.jsonl... [--strict] [--shipped]

By cross-validation: each row is scored by a model that was trained on the project's phrases and on
other rows only, and rows of one question or one text stay together.  (The lexicon was written with
the development rows in sight: no fold undoes that.)  --shipped measures the packaged weights
instead.  --strict ends with 1 if a bar is missed.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from scripts.safety_train import Row, of_corpus, of_noise, of_rows, packed_model, rows, trained
from tta_gateway.features.safety.detector import (
    LEXICON,
    RELATED,
    WEIGHTS,
    EmbeddedDetector,
)
from tta_gateway.features.safety.finding import read
from tta_gateway.features.safety.lexicon import Lexicon
from tta_gateway.features.safety.model import SIZE, Model
from tta_gateway.features.safety.normal import LONGEST, pieces
from tta_gateway.kernel.verdict import ELEVATED, HIGH, Verdict

FOLDS: Final = 5
FALSE_POSITIVES: Final = 0.02
EXPLICIT: Final = ("SimpleSafetyTests", "exaggerated-safety", "model-community")
LONG: Final = 300
"""characters of a text for the clock"""


class Scored(NamedTuple):
    """A row, and what was made of it."""

    row: Row
    verdict: Verdict


class Bar(NamedTuple):
    """A figure, and what it must be."""

    name: str
    figure: float
    bar: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Tell whether it is."""
        return self.figure <= self.bar if self.at_most else self.figure >= self.bar


def group(row: Row) -> str:
    """Return what keeps rows together: questions and their answers, and texts that begin alike."""
    asked = re.fullmatch(r"cc[qa]-(\d+)", row.id)
    return asked[1] if asked else " ".join(re.findall(r"[a-z]+", row.text.lower())[:6])


def fold_of(row: Row) -> int:
    """Return in which of the folds a row is."""
    return crc32(group(row).encode()) % FOLDS


def by_folds(given: Sequence[Row]) -> tuple[list[Scored], list[EmbeddedDetector]]:
    """Return the rows as scored by models that have not seen them, and these models."""
    lexicon = Lexicon(LEXICON.read_text(encoding="utf-8"))
    phrases = of_corpus(lexicon, "person") + of_noise(lexicon, "person")
    scored: list[Scored] = []
    detectors = []
    nothing = ([0.0] * SIZE, 0.0)
    for fold in range(FOLDS):
        others = [row for row in given if fold_of(row) != fold]
        person = trained(phrases + of_rows(lexicon, others, "person"))
        detector = EmbeddedDetector(lexicon, Model(packed_model(person, nothing)))
        detectors.append(detector)
        scored += [
            Scored(row, detector.of_person(row.text)) for row in given if fold_of(row) == fold
        ]
    return scored, detectors


def shipped(given: Sequence[Row]) -> tuple[list[Scored], list[EmbeddedDetector]]:
    """Return the rows as scored by the packaged weights."""
    lexicon = Lexicon(LEXICON.read_text(encoding="utf-8"))
    detector = EmbeddedDetector(lexicon, Model(WEIGHTS.read_bytes()))
    return [Scored(row, detector.of_person(row.text)) for row in given], [detector] * FOLDS


def is_high(verdict: Verdict, level: int = HIGH) -> bool:
    """Tell whether somebody is found to be at risk, of what the rows are labelled for."""
    return verdict.level >= level and (
        not verdict.categories or not RELATED.isdisjoint(verdict.categories)
    )


def average_precision(scored: Sequence[Scored]) -> float:
    """Return the area under precision and recall, by steps."""
    ordered = sorted(scored, key=lambda one: -one.verdict.score)
    positives = sum(one.row.label for one in ordered)
    found = 0
    area = 0.0
    for seen, one in enumerate(ordered, 1):
        if one.row.label:
            found += 1
            area += found / seen
    return area / positives


def recall_at(scored: Sequence[Scored], false_positives: float) -> float:
    """Return the recall where so large a part of the negatives is taken for positive."""
    negatives = sorted((one.verdict.score for one in scored if not one.row.label), reverse=True)
    least = negatives[int(false_positives * len(negatives))]
    positives = [one.verdict.score for one in scored if one.row.label]
    return sum(score > least for score in positives) / len(positives)


def best_f1(scored: Sequence[Scored]) -> float:
    """Return the best F1 of any score from which on rows are taken for positive."""
    ordered = sorted(scored, key=lambda one: -one.verdict.score)
    positives = sum(one.row.label for one in ordered)
    found, best = 0, 0.0
    for seen, one in enumerate(ordered, 1):
        found += one.row.label
        best = max(best, 2 * found / (seen + positives))
    return best


def share(scored: Sequence[Scored], *, level: int = HIGH, related: bool = True) -> float:
    """Return the part of rows at a level or above it."""
    hits = (
        is_high(one.verdict, level) if related else one.verdict.level >= level for one in scored
    )
    return sum(hits) / max(1, len(scored))


_HOMOGLYPHS: Final = str.maketrans("aeiocpyxs", "аеіосрухѕ")  # noqa: RUF001 - that is what they are
_LEET: Final = str.maketrans("aeios", "43105")
DISGUISES: Final[dict[str, Callable[[str], str]]] = {
    "homoglyphs": lambda text: text.translate(_HOMOGLYPHS),
    "zero-width": lambda text: "\u200b".join(text),
    "leet": lambda text: text.translate(_LEET),
    "fullwidth": lambda text: "".join(
        chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text
    ),
    "spacing": lambda text: re.sub(r"[a-zA-Z]{2,}", lambda word: " ".join(word[0]), text),
    "dots": lambda text: re.sub(r"[a-zA-Z]{4,}", lambda word: ".".join(word[0]), text),
    "repeats": lambda text: re.sub(r"([aeiou])(?=[a-z])", r"\1\1\1\1", text),
    "accents": lambda text: re.sub(r"([aeiou])", "\\1\u0301", text),
    "capitals": str.upper,
}


def disguised(
    given: Sequence[Row], detectors: Sequence[EmbeddedDetector]
) -> tuple[float, dict[str, float]]:
    """Return the recall on explicit rows, and by how much each disguise lowers it."""

    def recall(disguise: Callable[[str], str]) -> float:
        found = [is_high(detectors[fold_of(row)].of_person(disguise(row.text))) for row in given]
        return sum(found) / len(found)

    plain = recall(str)
    return plain, {name: plain - recall(disguise) for name, disguise in DISGUISES.items()}


def clocked(act: Callable[[str], object], texts: Sequence[str]) -> tuple[float, float]:
    """Return the median and the 99th percentile, in microseconds, best of three for each text."""
    taken = []
    for text in texts:
        best = 1.0
        for _ in range(3):
            begun = time.perf_counter()
            act(text)
            best = min(best, time.perf_counter() - begun)
        taken.append(best * 1e6)
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


def times(given: Sequence[Row], detector: EmbeddedDetector) -> list[Bar]:
    """Return what stages take on texts of 300 characters, and one piece of 64 KiB."""
    lexicon = Lexicon(LEXICON.read_text(encoding="utf-8"))
    whole = " ".join(row.text for row in given)
    texts = [whole[at : at + LONG] for at in range(0, min(len(whole), LONG * 2000), LONG)]
    first = clocked(lambda text: read(lexicon, text), texts)
    both = clocked(detector.of_person, texts)
    parts = clocked(detector.of_person, pieces(whole[:LONGEST]))
    return [
        Bar("stage 1, p50, microseconds", first[0], 10, at_most=True),
        Bar("stage 1, p99, microseconds", first[1], 50, at_most=True),
        Bar("stages 1 and 2, p50, microseconds", both[0], 100, at_most=True),
        Bar("stages 1 and 2, p99, microseconds", both[1], 300, at_most=True),
        Bar("longest piece of 64 KiB, milliseconds", parts[1] / 1000, 2, at_most=True),
    ]


def bars(scored: Sequence[Scored], detectors: Sequence[EmbeddedDetector]) -> list[Bar]:
    """Return all figures."""
    core = [one for one in scored if one.row.core]
    of = {
        name: [one for one in core if one.row.source.endswith(name)]
        for name in (*EXPLICIT, "counsel-chat")
    }
    positives = [one for one in core if one.row.label]
    negatives = [one for one in core if not one.row.label]
    explicit = [one for name in EXPLICIT for one in of[name] if one.row.label]
    safe = [one for one in of["exaggerated-safety"] if not one.row.label]
    talk = [one for one in of["counsel-chat"] if not one.row.label]
    plain, losses = disguised([one.row for one in explicit], detectors)
    made = [
        Bar("recall at 2 % false positives", recall_at(core, FALSE_POSITIVES), 0.85),
        Bar("area under precision and recall", average_precision(core), 0.75),
        Bar("best F1", best_f1(core), 0.72),
        Bar("recall at level 2", share(positives), 0.85),
        Bar("false positives at level 2", share(negatives), 0.02, at_most=True),
        Bar("explicit statements at level 2", plain, 0.97),
        Bar("homonyms and other safe questions at level 2", share(safe), 0.01, at_most=True),
    ]
    if talk:
        made += [
            Bar("counselling talk at level 2", share(talk), 0.02, at_most=True),
            Bar("the same, of any category", share(talk, related=False), 0.03, at_most=True),
            Bar("the same, at level 1", share(talk, level=ELEVATED), 0.10, at_most=True),
        ]
    made += [Bar(f"loss by {name}", loss, 0.03, at_most=True) for name, loss in losses.items()]
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each figure beside its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="+", type=Path)
    parser.add_argument("--strict", action="store_true", help="end with 1 if a bar is missed")
    parser.add_argument("--shipped", action="store_true", help="measure the packaged weights")
    parser.add_argument("--misses", action="store_true", help="name the rows that are wrong")
    given = parser.parse_args(arguments)
    known = rows(given.rows)
    scored, detectors = shipped(known) if given.shipped else by_folds(known)
    made = [*bars(scored, detectors), *times(known, detectors[0])]
    for one in made:
        sign = "<=" if one.at_most else ">="
        print(
            f"{'met    ' if one.met else 'NOT MET'} {one.name}: {one.figure:.3f} {sign} {one.bar}"
        )
    if given.misses:
        for each in sorted(scored, key=lambda one: (one.row.label, one.verdict.score)):
            if is_high(each.verdict) != bool(each.row.label):
                row, made_of = each
                print(row.label, row.id, made_of.level, f"{made_of.score:.3f}", made_of.rules)
    return 1 if given.strict and not all(one.met for one in made) else 0


if __name__ == "__main__":
    sys.exit(main())
