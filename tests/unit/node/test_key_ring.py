"""The ring of a node: whose keys it has, and in which order."""

from pathlib import Path

import pytest

from tta_gateway.node.key_ring import NAME, ring_of, spoilt
from tta_gateway.snapshot.model import Snapshot


def snapshot(state: Path, *keys: bytes) -> Snapshot:
    return Snapshot(
        version=1,
        state_dir=str(state),
        listeners=(),
        services=(),
        routes=(),
        encryption_keys=keys,
    )


def test_a_key_is_made_once_where_the_operator_names_none(tmp_path: Path) -> None:
    wrapped = ring_of(snapshot(tmp_path)).wrap(b"k" * 32, purpose=b"p")
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert ring_of(snapshot(tmp_path)).unwrap(wrapped, purpose=b"p") == b"k" * 32


def test_no_key_is_made_where_the_operator_names_one(tmp_path: Path) -> None:
    ring_of(snapshot(tmp_path, b"a" * 32))
    assert not (tmp_path / NAME).exists()


def test_what_was_sealed_before_the_operator_named_a_key_is_still_opened(tmp_path: Path) -> None:
    before = ring_of(snapshot(tmp_path)).wrap(b"k" * 32, purpose=b"p")
    after = ring_of(snapshot(tmp_path, b"a" * 32))
    assert after.unwrap(before, purpose=b"p") == b"k" * 32
    assert not after.is_newest(before)


def test_keys_are_changed_by_putting_another_first(tmp_path: Path) -> None:
    before = ring_of(snapshot(tmp_path, b"a" * 32)).wrap(b"k" * 32, purpose=b"p")
    both = ring_of(snapshot(tmp_path, b"b" * 32, b"a" * 32))
    assert both.unwrap(before, purpose=b"p") == b"k" * 32
    assert not both.is_newest(before)


def test_a_file_that_holds_no_key_is_an_error(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"short")
    with pytest.raises(OSError, match="holds no key"):
        ring_of(snapshot(tmp_path))


def test_the_operator_s_own_key_suffices_whatever_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"")
    one = snapshot(tmp_path, b"a" * 32)
    wrapped = ring_of(one).wrap(b"k" * 32, purpose=b"p")
    assert ring_of(one).unwrap(wrapped, purpose=b"p") == b"k" * 32
    assert "holds no key" in spoilt(one)
    (tmp_path / NAME).unlink()
    assert spoilt(one) == ""
