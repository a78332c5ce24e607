"""Sealed bytes, against somebody who has the file but not the key."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.crypto.sealing import KEY_BYTES, NotSealed, derived, key_in, seal, unseal

KEY = bytes(range(KEY_BYTES))


@given(st.binary(), st.binary())
def test_what_was_sealed_can_be_read_again(data: bytes, purpose: bytes) -> None:
    assert unseal(seal(data, key=KEY, purpose=purpose), key=KEY, purpose=purpose) == data


def test_what_is_sealed_does_not_show() -> None:
    assert b"secret" not in seal(b"a secret of an operator", key=KEY, purpose=b"test")


def test_the_same_is_never_sealed_alike() -> None:
    assert len({seal(b"secret", key=KEY, purpose=b"test") for _ in range(50)}) == 50


@given(st.integers(0, 33), st.integers(1, 255))
def test_a_byte_that_was_changed_is_noticed(place: int, change: int) -> None:
    sealed = bytearray(seal(b"secret", key=KEY, purpose=b"test"))
    sealed[place] ^= change
    with pytest.raises(NotSealed):
        unseal(bytes(sealed), key=KEY, purpose=b"test")


@given(st.integers(0, 33))
def test_what_was_cut_is_noticed(length: int) -> None:
    with pytest.raises(NotSealed):
        unseal(seal(b"secret", key=KEY, purpose=b"test")[:length], key=KEY, purpose=b"test")


def test_another_key_opens_nothing() -> None:
    sealed = seal(b"secret", key=KEY, purpose=b"test")
    with pytest.raises(NotSealed):
        unseal(sealed, key=bytes(KEY_BYTES), purpose=b"test")


@pytest.mark.parametrize("key", [b"", b"short", bytes(KEY_BYTES + 1)])
def test_what_is_no_key_opens_nothing(key: bytes) -> None:
    sealed = seal(b"secret", key=KEY, purpose=b"test")
    with pytest.raises(NotSealed):
        unseal(sealed, key=key, purpose=b"test")


def test_what_was_sealed_for_one_thing_is_not_taken_for_another() -> None:
    sealed = seal(b"secret", key=KEY, purpose=b"one thing")
    with pytest.raises(NotSealed):
        unseal(sealed, key=KEY, purpose=b"another")


def test_a_key_is_made_where_there_is_none_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = key_in(file)
    assert (len(key), key_in(file), file.read_bytes()) == (KEY_BYTES, key, key)


def test_no_two_keys_are_the_same(tmp_path: Path) -> None:
    assert key_in(tmp_path / "a") != key_in(tmp_path / "b")


def test_a_key_is_its_owner_s_to_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key_in(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short", bytes(KEY_BYTES + 1)])
def test_what_is_no_key_is_an_error_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(OSError, match="holds no key: 32 bytes are one"):
        key_in(file)
    assert file.read_bytes() == content


def test_a_key_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        key_in(tmp_path / "nowhere" / "key")


def test_of_one_key_there_are_others_for_other_things() -> None:
    key = b"k" * KEY_BYTES
    found = {key, derived(key, b"a"), derived(key, b"b"), derived(b"l" * KEY_BYTES, b"a")}
    assert (len(found), {len(one) for one in found}) == (4, {KEY_BYTES})
