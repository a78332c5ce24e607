"""Load: every complaint at once, or settings."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.configuration import GOLDEN, complaints, refusals, result
from tta_gateway.kernel.errors import ConfigError
from tta_gateway.settings.load import load, load_text

FULL = (GOLDEN / "full.yaml").read_text()


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_golden_file_becomes_what_stands_beside_it(file: Path) -> None:
    suffix, text = result(file)
    assert file.with_suffix(suffix).read_text() == text


def test_no_golden_file_has_two_results() -> None:
    stems = [file.stem for file in GOLDEN.iterdir() if file.suffix in (".txt", ".json")]
    assert sorted(stems) == sorted(file.stem for file in GOLDEN.glob("*.yaml"))


@given(st.integers(0, len(FULL) - 1))
def test_a_file_less_one_character_is_accepted_or_refused_in_words(index: int) -> None:
    found = refusals(FULL[:index] + FULL[index + 1 :])
    assert all(line.startswith("gateway.yaml:") for line in found)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert caught.value.complaints == [f"{file}: cannot be read: No such file or directory"]


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(FULL, encoding="utf-8-sig")
    assert len(load(file, {}).settings.routes) == 5


def test_everything_that_is_wrong_is_said_in_one_go() -> None:
    found = complaints(
        """\
        workers: 1
        workers: 2
        audit: {}
        listn: 127.0.0.1:80
        routes:
          - {path: /, service: player, auth: none}
        """,
        {"TTA_GATEWAY__CORS": "1"},
    )
    assert [line.partition(": ")[0] for line in found] == [
        "gateway.yaml:2:1 workers",
        "gateway.yaml:3:1 audit",
        "gateway.yaml:4:1 listn",
        "gateway.yaml:6:15 routes[0].service",
        "TTA_GATEWAY__CORS cors",
    ]


def test_what_cannot_be_read_to_its_end_is_judged_no_further() -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("a: 1\na: [", "f", environ={"TTA_GATEWAY__B": "1"})
    assert [line[:6] for line in caught.value.complaints] == ["f:3:1:"]


def test_an_empty_variable_does_not_empty_the_file() -> None:
    with pytest.raises(ConfigError, match="routes: is missing"):
        load_text("null", "f", environ={})
