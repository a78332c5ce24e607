"""The envelope: what a person has written is read with their key, and for what it was sealed."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed

RING = Ring([b"o" * 32])


@pytest.fixture
def envelope(tmp_path: Path) -> Envelope:
    return Envelope(KeyStore(tmp_path, RING))


def sealed(envelope: Envelope, data: bytes = b"kanarie") -> bytes:
    return envelope.seal(data, person="ana", purpose="evidence", about="1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=500), person=st.text(max_size=20), about=st.text(max_size=20))
def test_what_is_sealed_is_opened(envelope: Envelope, data: bytes, person: str, about: str) -> None:
    made = envelope.seal(data, person=person, purpose="evidence", about=about)
    assert envelope.open(made, purpose="evidence", about=about) == data


@pytest.mark.parametrize(("purpose", "about"), [("evidence", "2"), ("mail", "1"), ("", "")])
def test_what_was_sealed_for_one_thing_is_nothing_else(
    envelope: Envelope, purpose: str, about: str
) -> None:
    with pytest.raises(NotSealed):
        envelope.open(sealed(envelope), purpose=purpose, about=about)


def test_without_the_persons_key_it_is_gone(envelope: Envelope) -> None:
    made = sealed(envelope)
    envelope.store.erase("ana")
    with pytest.raises(Erased):
        envelope.open(made, purpose="evidence", about="1")
    assert envelope.open(sealed(envelope), purpose="evidence", about="1") == b"kanarie"


def test_a_key_that_was_kept_nowhere_travels_with_it(tmp_path: Path) -> None:
    nowhere = Envelope(KeyStore(tmp_path / "nowhere", RING))
    made = sealed(nowhere)
    elsewhere = Envelope(KeyStore(tmp_path, RING))
    assert elsewhere.open(made, purpose="evidence", about="1") == b"kanarie"
    stranger = Envelope(KeyStore(tmp_path, Ring([b"n" * 32])))
    with pytest.raises(NotSealed):
        stranger.open(made, purpose="evidence", about="1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed_is_noticed(envelope: Envelope, data: st.DataObject) -> None:
    made = bytearray(sealed(envelope))
    made[data.draw(st.integers(0, len(made) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NotSealed):
        envelope.open(bytes(made), purpose="evidence", about="1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=100))
def test_what_was_never_sealed_is_not_opened(envelope: Envelope, noise: bytes) -> None:
    with pytest.raises(NotSealed):
        envelope.open(noise, purpose="evidence", about="1")


def test_what_travels_is_opened_where_only_the_wrapping_key_is(
    envelope: Envelope, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Envelope(KeyStore(tmp_path / "other", RING))
    made = envelope.travelling(sealed(envelope))
    assert other.open(made, purpose="evidence", about="1") == b"kanarie"
    assert other.travelling(made) == made
    assert envelope.travelling(b"") == b""
    kept = sealed(envelope)
    envelope.store.erase("ana")
    assert envelope.travelling(kept) == kept
