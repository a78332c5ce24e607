"""A node for the tests of its parts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.house import House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, monkeypatch)
    yield made
    made.close()
