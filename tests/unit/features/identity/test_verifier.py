"""Tokens are proved by the key and the issuer that they are of, and by nothing that they say."""

import hmac
import json
from typing import Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey, OctKey, RSAKey

from tests.unit.features.identity.issuing import ISSUER, NOW, Signer, a_key, a_signer, a_token
from tta_gateway.features.identity.bound import (
    OWN_ISSUER,
    IdentityBound,
    Issuer,
    IssuerKeys,
    KeySource,
)
from tta_gateway.features.identity.jws import encoded
from tta_gateway.features.identity.key import secret
from tta_gateway.features.identity.problems import (
    EARLY,
    ELSEWHERE,
    EXPIRED,
    LASTING,
    MALFORMED,
    NOBODY,
    PURPOSE,
    UNPROVED,
)
from tta_gateway.features.identity.verifier import Verifier
from tta_gateway.features.identity.verifier import verifier as verifier_of
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.problem import Problem

OURS: Final = a_signer()
RSA: Final = RSAKey.generate_key(2048, {"kid": "rsa"})
EC: Final = ECKey.generate_key("P-256", {"kid": "ec"})
THEIRS: Final = a_signer()  # of the same name as ours
ALL: Final[tuple[Signer, ...]] = (OURS, RSA, EC)


def verifier(*signers: Signer, issuer: Issuer = ISSUER) -> Verifier:
    return Verifier([(issuer, [a_key(one) for one in signers or ALL])])


def proved(token: bytes, by: Verifier | None = None) -> Principal | Problem:
    return (by or verifier()).prove(token, NOW)


@pytest.mark.parametrize("signer", ALL, ids=["Ed25519", "RS256", "ES256"])
def test_what_a_known_key_has_signed_is_believed(signer: Signer) -> None:
    found = proved(a_token(signer))
    assert isinstance(found, Principal)
    assert found.subject == "p1"
    assert found.roles == {"player"}


def test_a_shared_secret_of_today_is_believed_where_it_is_configured() -> None:
    today = Issuer(name="platform", subject_claim="player_id", needs_expiry=False)
    by = Verifier([(today, [secret(b"k" * 32)])])
    token = a_token(OctKey.import_key(b"k" * 32), {"typ": "JWT"}, player_id="p7")
    found = proved(token, by)
    assert isinstance(found, Principal)
    assert found.subject == "p7"


def unsigned(header: dict[str, object], signature: bytes = b"") -> bytes:
    """Return a token with good claims and this header."""
    payload = a_token(OURS).split(b".")[1]
    return b".".join((encoded(json.dumps(header).encode()), payload, encoded(signature)))


def confused(key: bytes) -> bytes:
    """Return a token that is signed by HMAC with the text of a public key."""
    text = unsigned({"alg": "HS256", "kid": "rsa"}).rpartition(b".")[0]
    return text + b"." + encoded(hmac.digest(key, text, "sha256"))


PEM: Final = RSA.as_pem(private=False)
ATTACKS: Final[dict[str, tuple[bytes, Problem]]] = {
    "none": (unsigned({"alg": "none"}), UNPROVED),
    "None": (unsigned({"alg": "None"}), UNPROVED),
    "nOnE with a signature": (unsigned({"alg": "nOnE"}, b"x"), UNPROVED),
    "no algorithm": (unsigned({}), UNPROVED),
    "an empty algorithm": (unsigned({"alg": ""}), UNPROVED),
    "no signature": (unsigned({"alg": "Ed25519", "kid": "k1"}), UNPROVED),
    "a public key as a secret": (confused(PEM), UNPROVED),
    "a public key as a secret, its end left out": (confused(PEM.strip()), UNPROVED),
    "a path as the key's id": (a_token(THEIRS, {"kid": "../../dev/null"}), UNPROVED),
    "a query as the key's id": (a_token(THEIRS, {"kid": "k1' OR '1'='1"}), UNPROVED),
    "an empty key's id": (a_token(THEIRS, {"kid": ""}), UNPROVED),
    "a key of its own": (a_token(THEIRS, {"jwk": THEIRS.as_dict(private=False)}), UNPROVED),
    "an address of keys": (a_token(THEIRS, {"jku": "https://127.0.0.1/keys"}), UNPROVED),
    "an address of a certificate": (a_token(THEIRS, {"x5u": "https://127.0.0.1/c"}), UNPROVED),
    "a certificate of its own": (a_token(THEIRS, {"x5c": ["AA=="]}), UNPROVED),
    "another key of the same name": (a_token(THEIRS), UNPROVED),
    "another algorithm than the key's": (
        unsigned({"alg": "PS256", "kid": "rsa"}, bytes(256)),
        UNPROVED,
    ),
    "a psychic signature": (unsigned({"alg": "ES256", "kid": "ec"}, bytes(64)), UNPROVED),
    "an extension that must be understood": (
        unsigned({"alg": "Ed25519", "crit": ["exp"]}),
        MALFORMED,
    ),
    "not encoded": (unsigned({"alg": "Ed25519", "b64": False}), MALFORMED),
    "cut off": (a_token(OURS)[:-10], UNPROVED),
    "cut off in its claims": (a_token(OURS).rpartition(b".")[0], MALFORMED),
    "padded": (a_token(OURS) + b"==", MALFORMED),
    "too long": (a_token(OURS, note="x" * 9000), MALFORMED),
    "one more part": (a_token(OURS) + b".e30", MALFORMED),
    "encrypted": (b"a.b.c.d.e", MALFORMED),
    "expired": (a_token(OURS, exp=NOW - 60, iat=NOW - 700), EXPIRED),
    "not valid yet": (a_token(OURS, nbf=NOW + 60), EARLY),
    "made in the future": (a_token(OURS, iat=NOW + 60), EARLY),
    "without an end": (a_token(OURS, exp=None), LASTING),
    "for ever": (a_token(OURS, exp=NOW * 2), LASTING),
    "for another": (a_token(OURS, aud="elsewhere"), ELSEWHERE),
    "for nobody": (a_token(OURS, aud=None), ELSEWHERE),
    "of another": (a_token(OURS, iss="https://home.evil"), ELSEWHERE),
    "a refresh token": (a_token(OURS, type="refresh"), PURPOSE),
    "for services behind": (a_token(OURS, tta_gateway_inner=True), PURPOSE),
    "an ID token": (a_token(OURS, {"typ": "id+jwt"}), PURPOSE),
    "a logout token": (a_token(OURS, {"typ": "logout+jwt"}), PURPOSE),
    "of nobody": (a_token(OURS, sub=None), NOBODY),
    "of a number": (a_token(OURS, sub=7), NOBODY),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_is_believed(attack: str) -> None:
    token, problem = ATTACKS[attack]
    assert proved(token) is problem


def test_claims_that_stand_twice_are_refused() -> None:
    text = b'{"sub":"p1","sub":"p2"}'
    data = b".".join((encoded(b'{"alg":"Ed25519","kid":"k1","typ":"at+jwt"}'), encoded(text)))
    signer = OURS.private_key
    assert isinstance(signer, Ed25519PrivateKey)
    assert proved(data + b"." + encoded(signer.sign(data))) is MALFORMED


def test_a_key_that_has_been_rotated_away_proves_nothing() -> None:
    assert proved(a_token(OURS), verifier(RSA)) is UNPROVED


def test_a_token_without_a_key_s_id_is_tried_with_a_few() -> None:
    assert isinstance(proved(a_token(OURS, {"kid": ""})), Principal)


def test_of_two_issuers_with_one_key_each_has_its_own_tokens() -> None:
    other = msgspec.structs.replace(ISSUER, name="other", prefix="other:", issuer="https://other")
    by = Verifier([(ISSUER, [a_key(OURS)]), (other, [a_key(OURS)])])
    found = [proved(a_token(OURS, iss=text), by) for text in ("https://home", "https://other")]
    assert [one.subject for one in found if isinstance(one, Principal)] == ["p1", "other:p1"]


def test_an_issuer_s_key_does_not_prove_what_another_is_said_to_have_issued() -> None:
    """Mix-up: the key is theirs, the words are ours."""
    theirs = msgspec.structs.replace(ISSUER, name="theirs", prefix="theirs:", issuer="https://they")
    by = Verifier([(ISSUER, [a_key(RSA)]), (theirs, [a_key(EC)])])
    assert proved(a_token(EC, iss="https://home"), by) is ELSEWHERE


def test_the_gateway_s_own_are_believed_by_the_keys_that_control_tells() -> None:
    own = msgspec.structs.replace(ISSUER, name=OWN_ISSUER)
    bound = IdentityBound(own=own)
    told = json.dumps(OURS.as_dict(private=False)).encode()
    found = verifier_of(bound, (told,)).prove(a_token(OURS), NOW)
    assert isinstance(found, Principal)
    assert found.issuer == OWN_ISSUER
    assert verifier_of(bound).prove(a_token(OURS), NOW) is UNPROVED
    assert verifier_of(IdentityBound(), (told,)).prove(a_token(OURS), NOW) is UNPROVED


CLINIC: Final = msgspec.structs.replace(ISSUER, name="clinic", source=KeySource(url="https://a/b"))


def publishing(*signers: Signer, url: str = "https://a/b") -> tuple[Verifier, list[str]]:
    """A verifier of what an issuer publishes, and whose keys it has missed."""
    heard: list[str] = []
    jwks = tuple(json.dumps(one.as_dict(private=False)).encode() for one in signers)
    return verifier_of(
        IdentityBound(issuers=(CLINIC,)),
        published={"clinic": IssuerKeys(url=url, keys=(b'{"kty": "new"}', b"{", *jwks))},
        missing=heard.append,
    ), heard


def test_what_an_issuer_publishes_proves_its_tokens_and_nothing_unusable_hinders_that() -> None:
    by, heard = publishing(OURS)
    assert isinstance(proved(a_token(OURS), by), Principal)
    assert heard == []


def test_keys_of_another_source_prove_nothing() -> None:
    by, _ = publishing(OURS, url="https://a/before")
    assert proved(a_token(OURS), by) is UNPROVED


@pytest.mark.parametrize(
    ("header", "claims", "missed"),
    [
        ({"kid": "next"}, {}, ["clinic"]),
        ({"kid": "next"}, {"iss": "https://other"}, []),
        ({"kid": "next"}, {"iss": ["https://home"]}, []),
        ({"kid": "k1"}, {}, []),
        ({"kid": ""}, {}, ["clinic"]),
    ],
)
def test_a_key_is_missed_where_its_issuer_may_have_published_it(
    header: dict[str, object], claims: dict[str, object], missed: list[str]
) -> None:
    by, heard = publishing(OURS)
    assert proved(a_token(THEIRS, header, **claims), by) is UNPROVED
    assert heard == missed


def test_what_is_no_token_of_anybody_has_nobody_asked() -> None:
    by, heard = publishing(OURS)
    head, _, signature = a_token(THEIRS, {"kid": "next"}).split(b".")
    assert proved(b".".join((head, encoded(b"[]"), signature)), by) is UNPROVED
    assert heard == []


def test_of_issuers_that_publish_nothing_no_key_is_missed() -> None:
    heard: list[str] = []
    by = Verifier([(ISSUER, [a_key(OURS)])], heard.append)
    assert proved(a_token(THEIRS, {"kid": "next"}), by) is UNPROVED
    assert heard == []
