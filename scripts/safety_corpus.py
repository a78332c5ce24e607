"""The phrases that the model is trained on beside rows of others: scripts/safety_corpus.txt.

A line with alternatives in braces stands for several texts.  How many there are of it is bounded,
and they are chosen evenly, so that a line with many alternatives weighs no more than others.
"""

import re
from itertools import product
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

CORPUS: Final = Path(__file__).with_name("safety_corpus.txt")
VARIANTS: Final = 24
_CHOICE: Final = re.compile(r"\{([^{}]*)\}")

Head: TypeAlias = Literal["person", "service"]


class Phrase(NamedTuple):
    """A text, of whom it is, and whether it is one that should be found."""

    text: str
    head: Head
    label: int


def phrases(corpus: str, *, variants: int = VARIANTS) -> list[Phrase]:
    """Return all texts of a corpus, at most so many of a line."""
    made: list[Phrase] = []
    head: Head = "person"
    label = 0
    for line in corpus.splitlines():
        if line.startswith("["):
            name, number = line.strip("[]").split()
            head = "person" if name == "person" else "service"
            label = int(number)
        elif line and not line.startswith("#"):
            made += [Phrase(text, head, label) for text in expanded(line, variants)]
    return made


def expanded(line: str, variants: int) -> list[str]:
    """Return the texts of a line, spread evenly over all that it could be."""
    parts = _CHOICE.split(line)
    choices = [part.split("|") if at % 2 else [part] for at, part in enumerate(parts)]
    every = ["".join(chosen) for chosen in product(*choices)]
    if len(every) <= variants:
        return every
    # A step that shares no factor with their number meets each choice of each pair of braces.
    step = next(one for one in range(len(every) * 5 // 8, len(every)) if _coprime(one, len(every)))
    return [every[at * step % len(every)] for at in range(variants)]


def _coprime(one: int, other: int) -> bool:
    while other:
        one, other = other, one % other
    return one == 1
