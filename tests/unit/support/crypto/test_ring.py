"""The ring: the newest key seals, all of them open."""

import pytest

from tta_gateway.support.crypto.ring import ID_BYTES, Ring, id_of
from tta_gateway.support.crypto.sealing import NotSealed

OLD, NEW = b"o" * 32, b"n" * 32
KEY = b"k" * 32


def test_what_is_wrapped_is_unwrapped_for_the_same_purpose_alone() -> None:
    ring = Ring([NEW])
    wrapped = ring.wrap(KEY, purpose=b"p")
    assert ring.unwrap(wrapped, purpose=b"p") == KEY
    assert KEY not in wrapped
    with pytest.raises(NotSealed):
        ring.unwrap(wrapped, purpose=b"q")


def test_an_older_key_still_opens_and_the_newest_seals() -> None:
    before = Ring([OLD]).wrap(KEY, purpose=b"p")
    ring = Ring([NEW, OLD])
    assert ring.unwrap(before, purpose=b"p") == KEY
    assert not ring.is_newest(before)
    after = ring.wrap(KEY, purpose=b"p")
    assert ring.is_newest(after)
    assert Ring([NEW]).unwrap(after, purpose=b"p") == KEY


def test_a_key_that_is_not_at_hand_is_named_in_the_complaint() -> None:
    wrapped = Ring([OLD]).wrap(KEY, purpose=b"p")
    with pytest.raises(NotSealed, match=id_of(OLD).hex()):
        Ring([NEW]).unwrap(wrapped, purpose=b"p")


@pytest.mark.parametrize("wrapped", [b"", b"short", id_of(NEW), id_of(NEW) + b"x" * 60])
def test_what_was_never_wrapped_is_not_unwrapped(wrapped: bytes) -> None:
    with pytest.raises(NotSealed):
        Ring([NEW]).unwrap(wrapped, purpose=b"p")


@pytest.mark.parametrize("keys", [[], [b"short"], [NEW, b""]])
def test_a_ring_needs_keys(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="a ring needs keys"):
        Ring(keys)


def test_what_a_key_is_known_by_is_short_and_its_own() -> None:
    assert len(id_of(NEW)) == ID_BYTES
    assert id_of(NEW) != id_of(OLD)
