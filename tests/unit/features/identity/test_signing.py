"""Keys that sign: sealed, and proved by another library's reading."""

import json

import pytest

from tta_gateway.features.identity.jws import objects, read
from tta_gateway.features.identity.key import key_of
from tta_gateway.features.identity.signing import Signer, is_sealed_with, key_set, made
from tta_gateway.support.crypto.sealing import NotSealed

SEAL, OTHER = b"k" * 32, b"l" * 32
ALGORITHMS = ("EdDSA", "ES256", "RS256")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_it_signs_is_proved_by_its_public_part(algorithm: str) -> None:
    key = made(algorithm, SEAL, signs_from=5.0)
    token = Signer(key, SEAL).sign({"sub": "p1", "iat": 1.5})
    signed = read(token.encode())
    assert (signed.algorithm, signed.key_id, signed.type) == (algorithm, key.id, "at+jwt")
    assert json.loads(signed.payload) == {"sub": "p1", "iat": 1.5}
    assert key_of(objects(key.public.encode())).has_signed(signed.signature, signed.input)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nothing_that_is_published_is_private(algorithm: str) -> None:
    key = made(algorithm, SEAL, signs_from=5.0)
    (told,) = key_set([key])["keys"]
    assert {"kid", "alg", "use", "kty"} <= {*told}
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & {*told}
    assert b'"d"' not in key.private


def test_with_another_key_it_cannot_be_used() -> None:
    key = made("EdDSA", SEAL, signs_from=5.0)
    assert [is_sealed_with(key, one) for one in (SEAL, OTHER)] == [True, False]
    with pytest.raises(NotSealed):
        Signer(key, OTHER)


def test_a_signer_shows_only_its_name() -> None:
    key = made("EdDSA", SEAL, signs_from=5.0)
    assert repr(Signer(key, SEAL)) == f"<signer {key.id}>"
