"""Slots of keys; that servers count likewise is shown in tests/contract/valkey."""

import binascii

import pytest

from tta_gateway.support.valkey.slot import slot


def test_a_key_has_the_slot_of_the_specification() -> None:
    assert slot(b"123456789") == 0x31C3  # the check value of CRC-16/XMODEM
    assert slot(b"") == 0


@pytest.mark.parametrize("key", [b"{tag}a", b"b{tag}", b"c{tag}d{other}"])
def test_keys_with_the_same_tag_share_a_slot(key: bytes) -> None:
    assert slot(key) == slot(b"tag")


@pytest.mark.parametrize("key", [b"{}a", b"{a", b"a}b", b"a}b{"])
def test_what_is_no_tag_counts_whole(key: bytes) -> None:
    assert slot(key) == binascii.crc_hqx(key, 0) % 16384
