"""Stamps of files."""

from pathlib import Path

from tta_gateway.support.file_stamp import stamp_of


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    seen = [stamp_of(file)]
    for text in ("a", "ab"):
        file.write_text(text)
        seen.append(stamp_of(file))
    assert (seen[0], len(set(seen))) == (None, 3)


def test_a_file_that_takes_the_place_of_another_has_another(tmp_path: Path) -> None:
    file, beside = tmp_path / "a", tmp_path / "b"
    file.write_text("a")
    before = stamp_of(file)
    beside.write_text("a")
    beside.replace(file)
    assert stamp_of(file) != before
