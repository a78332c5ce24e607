from pathlib import Path

import pytest

from scripts import safety_keep
from tests.helpers.lexicons import SMALL
from tta_gateway.features.safety.contents import restored


def test_what_a_lexicon_comes_to_is_written_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, to = tmp_path / "lexicon.txt", tmp_path / "lexicon.bin"
    text.write_text(SMALL)
    monkeypatch.setattr(safety_keep, "LEXICON", text)
    monkeypatch.setattr(safety_keep, "KEPT", to)
    assert safety_keep.main() == 0
    found = restored(to.read_bytes(), SMALL)
    assert found is not None
    assert found.version == "1"
