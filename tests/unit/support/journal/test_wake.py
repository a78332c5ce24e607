"""Waking: a word that gets there or is lost, and is never waited for."""

import select
from pathlib import Path

from tta_gateway.support.journal.wake import Bell, Ringer


def rings(bell: Bell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_a_ring_is_heard_until_it_is_cleared(tmp_path: Path) -> None:
    bell, ringer = Bell(tmp_path), Ringer(tmp_path)
    assert not rings(bell)
    ringer.ring()
    ringer.ring()
    assert rings(bell)
    bell.clear()
    assert not rings(bell)
    ringer.close()
    bell.close()


def test_a_ring_that_nobody_hears_is_lost(tmp_path: Path) -> None:
    ringer = Ringer(tmp_path)
    ringer.ring()
    Bell(tmp_path).close()
    ringer.ring()
    bell = Bell(tmp_path)
    assert not rings(bell)
    ringer.ring()  # the same writer, another reader
    assert rings(bell)
    bell.close()
    ringer.close()


def test_no_ring_waits_for_a_reader_that_does_not_listen(tmp_path: Path) -> None:
    bell, ringer = Bell(tmp_path), Ringer(tmp_path)
    for _ in range(10_000):
        ringer.ring()
    bell.clear()
    bell.close()
    ringer.close()


def test_only_the_owner_may_ring(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "journal")
    assert (tmp_path / "journal" / "wake").stat().st_mode & 0o777 == 0o600
    bell.close()
