"""The forest of one node, in its file of keys."""

import asyncio
from pathlib import Path

import pytest

from tta_gateway.support.crypto.forest_file import ForestFile
from tta_gateway.support.crypto.key_store import NAME, KeyStore
from tta_gateway.support.crypto.ring import Ring


def changed(file: ForestFile, said: bytes, once: str = "") -> tuple[int, bytes]:
    return asyncio.run(file.changed(lambda before: (before or b"") + said, once=once))


def revision(file: ForestFile) -> int:
    return asyncio.run(file.revision())


def test_what_is_made_of_it_is_kept(tmp_path: Path) -> None:
    file = ForestFile(tmp_path)
    assert revision(file) == 0
    assert changed(file, b"a") == (1, b"a")
    assert changed(ForestFile(tmp_path), b"b") == (2, b"ab")
    assert revision(file) == 2
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_what_stays_as_it_is_is_no_change(tmp_path: Path) -> None:
    file = ForestFile(tmp_path)
    changed(file, b"a")
    assert changed(file, b"") == (1, b"a")


def test_what_bears_an_id_is_done_once(tmp_path: Path) -> None:
    file = ForestFile(tmp_path)
    assert changed(file, b"a", once="e1") == (1, b"a")
    assert changed(file, b"b", once="e1") == (1, b"a")
    assert changed(file, b"b", once="e2") == (2, b"ab")
    store = KeyStore(tmp_path, Ring([b"k" * 32]))
    key = store.of("ada")
    assert store.erase("ada", once="e1")  # the node's own key of them is another thing
    assert store.of("ada").key != key.key
    store.close()


def test_nothing_of_what_was_there_stays_in_the_file(tmp_path: Path) -> None:
    file = ForestFile(tmp_path)
    asyncio.run(file.changed(lambda _: b"kanarie" * 100))
    asyncio.run(file.changed(lambda _: b"other" * 100))
    for one in tmp_path.iterdir():
        assert b"kanarie" not in one.read_bytes()


def test_what_cannot_be_made_is_not_done(tmp_path: Path) -> None:
    file = ForestFile(tmp_path)

    def fails(_: bytes | None) -> bytes:
        raise ValueError("as the test says")

    with pytest.raises(ValueError, match="as the test says"):
        asyncio.run(file.changed(fails, once="e1"))
    assert changed(file, b"a", once="e1") == (1, b"a")


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(OSError, match=NAME):
        revision(ForestFile(tmp_path))
