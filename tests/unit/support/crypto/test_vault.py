"""The vault: what stands in a shared store shows nothing, and is read by whoever has the keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.crypto.vault import NoKey, Vault, opened

OLD, NEW = b"o" * 32, b"n" * 32


@given(data=st.binary(max_size=300), owner=st.text(max_size=30))
def test_another_node_with_the_same_keys_reads_it(data: bytes, owner: str) -> None:
    stored = Vault(Ring([OLD])).seal(data, owner=owner)
    assert Vault(Ring([NEW, OLD])).open(stored, owner=owner) == data
    assert len(stored) == len(data) + 37


def test_nothing_of_it_stands_in_clear() -> None:
    assert b"kanarie" not in Vault(Ring([OLD])).seal(b"kanarie", owner="room:1")


def test_what_is_one_owners_is_not_taken_for_anothers() -> None:
    vault = Vault(Ring([OLD]))
    with pytest.raises(NotSealed):
        vault.open(vault.seal(b"x", owner="room:1"), owner="room:2")


def test_without_its_key_it_is_no_content() -> None:
    stored = Vault(Ring([OLD])).seal(b"x", owner="room:1")
    stranger = Vault(Ring([NEW]))
    with pytest.raises(NotSealed):
        stranger.open(stored, owner="room:1")
    assert opened(stranger, stored, owner="room:1") == b""


def test_what_was_written_before_there_was_a_vault_is_taken_as_it_is() -> None:
    assert opened(Vault(Ring([OLD])), b"\x92\xc4", owner="room:1") == b"\x92\xc4"
    assert opened(None, b"\x92\xc4", owner="room:1") == b"\x92\xc4"


def test_without_any_key_nothing_is_taken_or_shown() -> None:
    shut = Vault(None, shut="the disk is away")
    with pytest.raises(NoKey, match="the disk is away"):
        shut.seal(b"x", owner="room:1")
    stored = Vault(Ring([OLD])).seal(b"x", owner="room:1")
    assert opened(shut, stored, owner="room:1") == b""


def test_only_so_many_keys_are_remembered() -> None:
    vault = Vault(Ring([OLD]))
    first = vault.seal(b"x", owner="0")
    for number in range(10_001):
        vault.seal(b"", owner=str(number))
    assert len(vault._known) == 10_000
    assert vault.open(first, owner="0") == b"x"
