"""Inputs to begin with: the committed corpus, and the rows of the hostile HTTP corpus.

A corpus file has one JSON string a line, each character a byte, so that a person can read it.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
FOUND: Final = HERE / "found"
_ROWS: Final = HERE.parent / "conformance" / "data"
_LONGEST_ROW: Final = 4096


def own(name: str) -> list[bytes]:
    """Return the inputs of one of our own corpus files."""
    lines = (HERE / "corpus" / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line).encode("latin-1") for line in lines]


def rows(name: str) -> list[bytes]:
    """Return the rows of the hostile corpus that are not too long to be mutated quickly."""
    lines = (_ROWS / f"{name}.jsonl").read_bytes().splitlines()
    raws = [base64.b64decode(json.loads(line)["raw_b64"]) for line in lines]
    return [raw for raw in raws if 0 < len(raw) <= _LONGEST_ROW]


def found() -> Iterator[Path]:
    """Return the failures that were found, each a regression for ever after it is mended."""
    yield from sorted(FOUND.glob("*.json"))


def keep(target: str, pieces: list[bytes], what: str) -> Path:
    """Write a failure down."""
    FOUND.mkdir(exist_ok=True)
    texts = [piece.decode("latin-1") for piece in pieces]
    number = sum(1 for _ in FOUND.glob(f"{target}-*.json")) + 1
    path = FOUND / f"{target}-{number:03}.json"
    while path.exists():
        number += 1
        path = FOUND / f"{target}-{number:03}.json"
    record = {"target": target, "what": what, "pieces": texts}
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path


def read(path: Path) -> tuple[str, list[bytes]]:
    """Return the target and the pieces of a failure that was written down."""
    record = json.loads(path.read_text())
    return record["target"], [text.encode("latin-1") for text in record["pieces"]]
