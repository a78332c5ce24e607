from pathlib import Path

import pytest

from tta_gateway.support.run_queue import RunQueue


@pytest.mark.parametrize(
    ("line", "seconds"), [("250000000 1500000000 12\n", 1.5), ("0 0 1\n", 0.0), ("", 0.0)]
)
def test_it_says_how_long_was_waited(tmp_path: Path, line: str, seconds: float) -> None:
    (tmp_path / "schedstat").write_text(line)
    assert RunQueue(str(tmp_path / "schedstat")).waited() == seconds


def test_where_nothing_is_accounted_nothing_was_waited(tmp_path: Path) -> None:
    assert RunQueue(str(tmp_path / "none")).waited() == 0.0
    assert RunQueue(str(tmp_path)).waited() == 0.0  # opens, and cannot be read


def test_linux_accounts_for_this_process() -> None:
    queue = RunQueue()
    assert 0.0 <= queue.waited() <= queue.waited()
