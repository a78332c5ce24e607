"""Signatures: only what the owner of a key has signed is taken."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.signature import NotSigned, new_key, public_key, sign, verify

KEY = new_key()
SIGNATURE, PUBLIC = sign(b"data", KEY)


def test_what_is_signed_is_taken() -> None:
    verify(b"data", signature=SIGNATURE, key=PUBLIC)


@pytest.mark.parametrize(
    ("data", "signature", "key"),
    [
        (b"date", SIGNATURE, PUBLIC),
        (b"data", sign(b"date", KEY)[0], PUBLIC),
        (b"data", SIGNATURE, sign(b"", new_key())[1]),
        (b"data", "", PUBLIC),
        (b"data", "not base64", PUBLIC),
        (b"data", "é", PUBLIC),
    ],
    ids=["0", "1", "2", "3", "4", "5"],
)
def test_anything_else_is_refused(data: bytes, signature: str, key: str) -> None:
    with pytest.raises(NotSigned):
        verify(data, signature=signature, key=key)


@pytest.mark.parametrize("text", ["", "x", "YQ==", "é", PUBLIC[:-4]], ids=["", "x", "2", "3", "4"])
def test_a_text_that_is_no_key_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no public key of Ed25519"):
        public_key(text)


@given(st.binary(max_size=64), st.binary(min_size=64, max_size=64))
def test_nobody_guesses_a_signature(data: bytes, guess: bytes) -> None:
    with pytest.raises(NotSigned):
        verify(data, signature=base64.b64encode(guess).decode(), key=PUBLIC)
