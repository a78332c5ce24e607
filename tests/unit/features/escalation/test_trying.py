"""Trying: the next guard knows at which record the one before it died."""

from pathlib import Path

from tta_gateway.features.escalation.trying import NAME, Trying


def test_a_record_at_hand_is_counted_by_the_guards_that_died_at_it(tmp_path: Path) -> None:
    for deaths in range(3):
        trying = Trying(tmp_path / NAME)
        assert trying.deaths("0/1", 5) == deaths
        trying.begin("0/1", 4)
        trying.begin("0/1", 5)
        trying.close()
    assert Trying(tmp_path / NAME).deaths("0/1", 4) == 0


def test_who_has_ended_with_it_died_of_nothing(tmp_path: Path) -> None:
    trying = Trying(tmp_path / NAME)
    trying.begin("0/1", 5)
    trying.end()
    assert Trying(tmp_path / NAME).deaths("0/1", 5) == 0


def test_the_file_has_its_block_before_it_is_mapped(tmp_path: Path) -> None:
    # Else a disk that is full by then ends every guard at its first record, by SIGBUS.
    Trying(tmp_path / NAME).close()
    assert (tmp_path / NAME).stat().st_blocks > 0


def test_where_there_can_be_no_file_the_guard_goes_on_without(tmp_path: Path) -> None:
    trying = Trying(tmp_path / "not there" / NAME)
    trying.begin("0/1", 5)
    assert trying.deaths("0/1", 5) == 0
    trying.end()
    trying.close()
