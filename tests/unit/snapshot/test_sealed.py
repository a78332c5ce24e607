"""The kept snapshot, as it is made and read."""

from pathlib import Path

import msgspec
import pytest

from tta_gateway.snapshot.kept import NAME, Compiled, keep
from tta_gateway.snapshot.sealed import compiled, kept


def both(data: bytes, state: Path) -> Compiled:
    return msgspec.msgpack.decode(compiled(data, state), type=Compiled)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    keep(both(b"snapshot", tmp_path).sealed, tmp_path)
    assert kept(tmp_path) == b"snapshot"


def test_what_is_served_at_once_is_not_sealed(tmp_path: Path) -> None:
    assert both(b"snapshot", tmp_path).data == b"snapshot"


def test_no_secret_of_it_is_in_any_file(tmp_path: Path) -> None:
    keep(both(b"a secret of an operator", tmp_path).sealed, tmp_path)
    assert not any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    both(b"snapshot", tmp_path / "a" / "state")
    assert (tmp_path / "a" / "state").stat().st_mode & 0o777 == 0o700


def test_one_key_seals_all(tmp_path: Path) -> None:
    first = both(b"one", tmp_path)
    both(b"two", tmp_path)
    keep(first.sealed, tmp_path)
    assert kept(tmp_path) == b"one"


def test_where_nothing_is_kept_that_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="holds no kept configuration: run a good one first"):
        kept(tmp_path)


def test_what_does_not_fit_its_key_is_said_with_what_to_do(tmp_path: Path) -> None:
    keep(both(b"snapshot", tmp_path).sealed, tmp_path)
    (tmp_path / NAME).write_bytes(b"anything else, but long enough")
    with pytest.raises(OSError, match=r"does not fit .*snapshot\.key: run a good one anew"):
        kept(tmp_path)
