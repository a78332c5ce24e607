"""An authority for development: what it makes counts for OpenSSL, and no more than it may."""

import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.helpers.svids import Authority
from tta_gateway.edge.credentials import service_context
from tta_gateway.kernel.route import ServiceTls
from tta_gateway.support.authority import Wanted, domain_of, issue, new_authority, new_key
from tta_gateway.support.pem import load_pair
from tta_gateway.support.svid import svid_of

NOW = 1_800_000_000.0
PLAYERS = "spiffe://tta/players"
KEY = new_key()
ROOT = new_authority(KEY, "tta", now=NOW, lasts=timedelta(days=30))


def made(wanted: Wanted) -> x509.Certificate:
    own = new_key()
    return x509.load_pem_x509_certificate(issue(ROOT, KEY, key=own, wanted=wanted, now=NOW))


def test_a_certificate_is_of_the_service_and_of_its_names() -> None:
    one = made(Wanted(PLAYERS, names=("Players.internal", "localhost"), addresses=("127.0.0.1",)))
    der = one.public_bytes(serialization.Encoding.DER)
    for side in ("client", "server"):
        assert svid_of((der,), side).id == PLAYERS
    said = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert said.get_values_for_type(x509.DNSName) == ["players.internal", "localhost"]
    assert (one.not_valid_after_utc.timestamp() - NOW) == 7 * 86_400
    one.verify_directly_issued_by(x509.load_pem_x509_certificate(ROOT))


def test_it_says_which_domain_it_is_of() -> None:
    assert domain_of(ROOT) == "tta"
    with pytest.raises(ValueError, match="names no trust domain"):
        domain_of(Authority().pem)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted("spiffe://other/players"), "not of this authority's trust domain"),
        (Wanted("spiffe://tta/../x"), "between slashes"),
        (Wanted(PLAYERS, names=("example.org",)), "not a name for development"),
        (Wanted(PLAYERS, names=("evil-localhost",)), "not a name for development"),
        (Wanted(PLAYERS, addresses=("192.0.2.1",)), "can be reached from outside"),
        (Wanted(PLAYERS, addresses=("2001:db8::1",)), "can be reached from outside"),
        (Wanted(PLAYERS, addresses=("localhost",)), "is not an address"),
        (Wanted(PLAYERS, lasts=timedelta(days=31)), "would outlive the authority"),
    ],
)
def test_it_makes_nothing_that_is_somebody_elses(wanted: Wanted, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(wanted)


def test_it_takes_no_key_that_is_not_its_own() -> None:
    other = new_key()
    with pytest.raises(ValueError, match="is not that of the authority"):
        issue(ROOT, other, key=other, wanted=Wanted(PLAYERS), now=NOW)
    long = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for key in (b"nonsense", long):
        with pytest.raises(ValueError, match="holds no private key"):
            issue(ROOT, key, key=other, wanted=Wanted(PLAYERS), now=NOW)


def test_whoever_has_its_key_can_still_make_nothing_of_other_domains() -> None:
    """OpenSSL refuses what the constraints of the authority forbid."""
    thief = Authority(begins=0, ends=4e9)
    key = serialization.load_pem_private_key(KEY, None)
    thief.key = key  # type: ignore[assignment]
    root = x509.load_pem_x509_certificate(
        new_authority(KEY, "tta", now=1_700_000_000.0, lasts=timedelta(days=9000))
    )
    thief.name = root.subject
    pem = root.public_bytes(serialization.Encoding.PEM)
    verdicts = []
    for uri, dns in ((PLAYERS, "localhost"), ("spiffe://other/x", ""), (PLAYERS, "example.org")):
        leaf = thief.issue(uri, dns=[dns] if dns else [], begins=0, ends=4e9)
        theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_pair(theirs, leaf.certificate.public_bytes(serialization.Encoding.PEM) + leaf.key)
        ours = service_context(ServiceTls(ca="root"), {"root": pem})
        ours.check_hostname = False
        verdicts.append(_met(ours, theirs))
    assert verdicts == ["", "permitted subtree violation", "permitted subtree violation"]


def _met(ours: ssl.SSLContext, theirs: ssl.SSLContext) -> str:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ours.wrap_bio(down, up, server_hostname="x")
    server = theirs.wrap_bio(up, down, server_side=True)
    for _ in range(3):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError as error:
                return str(error.verify_message)
    return ""
