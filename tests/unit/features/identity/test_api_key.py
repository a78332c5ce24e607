"""API keys as they are made, and what is kept of them."""

import hashlib
import re

import pytest

from tta_gateway.features.identity.api_key import LENGTH, digest, is_whole, made


def test_one_is_all_chance_and_can_be_recognised() -> None:
    keys = {made() for _ in range(200)}
    assert len(keys) == 200
    assert all(re.fullmatch("tta_[0-9A-Za-z]{49}", one) and len(one) == LENGTH for one in keys)
    assert all(is_whole(one.encode()) for one in keys)
    assert len({one[4:8] for one in keys}) > 190


def test_every_letter_of_it_counts() -> None:
    key = made()
    for at in range(LENGTH):
        other = "x" if key[at] != "x" else "y"
        assert not is_whole((key[:at] + other + key[at + 1 :]).encode()), at


@pytest.mark.parametrize("key", [b"", b"tta_", b"tta_" + b"0" * 49, b"x" * LENGTH, b"\xff" * 53])
def test_what_only_looks_like_one_is_none(key: bytes) -> None:
    assert not is_whole(key)
    assert not is_whole(made().encode() + b"\n")


def test_what_is_kept_is_its_digest() -> None:
    key = made().encode()
    assert digest(key) == hashlib.sha256(key).digest()
