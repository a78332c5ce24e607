"""Certificates of services: what the rules of X.509-SVID let through, and nothing else."""

import contextlib
import hashlib

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.svids import (
    CLIENT,
    DAY,
    NOW,
    PLAYERS,
    SERVER,
    SIGNATURES,
    Authority,
    Leaf,
    usage,
)
from tta_gateway.support.svid import Unfit, authorities, authority, names_of, svid_of

ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
CODE = ExtendedKeyUsageOID.CODE_SIGNING
ROOT = Authority()
HOSTILE: dict[str, Leaf] = {
    "two URIs": ROOT.issue(PLAYERS, "spiffe://tta/admin"),
    "the same URI twice": ROOT.issue(PLAYERS, PLAYERS),
    "an id and another URI": ROOT.issue(PLAYERS, "https://tta/players"),
    "no URI": ROOT.issue(dns=["players"]),
    "an id as a name in DNS": ROOT.issue(dns=[PLAYERS]),
    "no names at all": ROOT.issue(names=False),
    "another scheme": ROOT.issue("https://tta/players"),
    "an upper-case scheme": ROOT.issue("SPIFFE://tta/players"),
    "an upper-case domain": ROOT.issue("spiffe://TTA/players"),
    "a user": ROOT.issue("spiffe://me@tta/players"),
    "a port": ROOT.issue("spiffe://tta:8443/players"),
    "a query": ROOT.issue("spiffe://tta/players?admin"),
    "a fragment": ROOT.issue("spiffe://tta/players#admin"),
    "an escape": ROOT.issue("spiffe://tta/play%65rs"),
    "an empty segment": ROOT.issue("spiffe://tta//players"),
    "a slash at the end": ROOT.issue("spiffe://tta/players/"),
    "dots": ROOT.issue("spiffe://tta/x/../players"),
    "the domain alone": ROOT.issue("spiffe://tta"),
    "an authority": ROOT.issue(PLAYERS, ca=True),
    "one that signs": ROOT.issue(PLAYERS, use=usage(digital_signature=True, key_cert_sign=True)),
    "one that revokes": ROOT.issue(PLAYERS, use=usage(digital_signature=True, crl_sign=True)),
    "one that signs nothing": ROOT.issue(PLAYERS, use=usage(key_agreement=True)),
    "no use": ROOT.issue(PLAYERS, use=None),
    "a server's": ROOT.issue(PLAYERS, purposes=[SERVER]),
    "code's": ROOT.issue(PLAYERS, purposes=[CODE]),
    "anything's": ROOT.issue(PLAYERS, purposes=[ANY]),
}


def test_a_certificate_is_of_the_service_that_it_names() -> None:
    leaf = ROOT.issue(PLAYERS, dns=["players.test"])
    found = svid_of(leaf.chain, "client")
    assert (found.id, found.begins, found.expires) == (PLAYERS, NOW - DAY, NOW + DAY)


@pytest.mark.parametrize("what", list(HOSTILE))
def test_what_is_not_by_the_rules_is_of_nobody(what: str) -> None:
    with pytest.raises(Unfit):
        svid_of(HOSTILE[what].chain, "client")


def test_a_purpose_is_for_one_side_unless_none_is_said() -> None:
    assert svid_of(ROOT.issue(PLAYERS, purposes=[SERVER]).chain, "server").id == PLAYERS
    assert svid_of(ROOT.issue(PLAYERS, purposes=None, ca=None).chain, "client").id == PLAYERS
    with pytest.raises(Unfit, match="serverAuth"):
        svid_of(ROOT.issue(PLAYERS, purposes=[CLIENT]).chain, "server")


def test_a_chain_counts_as_long_as_all_of_it_does() -> None:
    between = Authority("between", above=ROOT, ends=NOW + 60)
    assert svid_of(between.issue(PLAYERS).chain, "client").expires == NOW + 60


def test_no_certificate_is_of_nobody() -> None:
    with pytest.raises(Unfit, match="there is none"):
        svid_of((), "client")


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_byte_that_is_another_makes_it_somebodys_or_nobodys_and_never_fails(
    place: int, change: int
) -> None:
    der = bytearray(LEAF.der)
    der[place % len(der)] ^= change
    with contextlib.suppress(Unfit):
        assert svid_of((bytes(der),), "client").id.startswith("spiffe://")


LEAF = ROOT.issue(PLAYERS)


def test_an_authority_is_known_by_its_name_and_key() -> None:
    anew = Authority(key=ROOT.key, ends=NOW + 1000 * DAY)
    named = Authority("another", key=ROOT.key)
    assert anew.der != ROOT.der
    assert authority(anew.der) == authority(ROOT.der)
    assert len({authority(one.der) for one in (ROOT, named, Authority())}) == 3
    assert authorities(ROOT.pem + named.pem) == {authority(ROOT.der), authority(named.der)}


def test_signatures_alone_are_enough() -> None:
    assert svid_of(ROOT.issue(PLAYERS, use=SIGNATURES).chain, "server").id == PLAYERS


def test_an_authority_whose_key_nothing_but_openssl_reads_is_known_by_all_of_it() -> None:
    """The key's algorithm is made one that there is not: 1.2.840.10045.2.1 becomes …2.9."""
    strange = ROOT.der.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d0209"))
    assert strange != ROOT.der
    assert authority(strange) == hashlib.sha256(strange).digest()


def test_a_certificate_is_called_by_its_serial_number_and_its_fingerprint() -> None:
    leaf = Authority().issue(PLAYERS)
    printed = hashlib.sha256(leaf.der).hexdigest()
    assert names_of((leaf.der,)) == {f"{leaf.certificate.serial_number:x}", printed}
    assert names_of((b"none",)) == {hashlib.sha256(b"none").hexdigest()}
    assert names_of(()) == frozenset()
