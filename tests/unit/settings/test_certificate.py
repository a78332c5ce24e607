"""Certificates and keys: whatever cannot serve is refused in words."""

import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    PrivateKeyTypes,
)

from tests.helpers.certificates import Folder
from tta_gateway.settings.certificate import (
    _is_open,
    authorities,
    chain,
    check_key,
    facts,
    pair,
    served,
    trusted,
)
from tta_gateway.support.pem import load_pair

# To find such numbers takes a second: these were found once (FIPS 186-4, 1,024 bits).
DSA_NUMBERS = dsa.DSAParameterNumbers(
    p=int(
        "e28682f6407c0a4d18230003cb6fe7ce606c0cd62ee82ff97844efcd8a2a2803215978a02e8608a332953a0b"
        "9dbc171893d09b591245b6ced8b99342255f42ae055763b8804f14213152141387faaf89696dba0379262e5e"
        "07c8d58853616dc303da06937825c6a8864148365b42435d8915364c4185e5e128cb171ed5a3d1cb",
        16,
    ),
    q=0x86C48307F32D96D267BFFC56C90D8F3A4CDE66C3,
    g=int(
        "4cbe2e6bb6299117eb3bb5f31c430d4ca58919c57926bf56f4eeade5606c3546726020fa3c29b38a94f00e2c"
        "df2628a76989f16fb84acdb3f481fb80a0366a4e4027df154681b4829b83d7e0d8599f967f1630313b2b7e51"
        "bff56ee0c9a442317a399a1521f010c1127e921bb1778b70a3de60367375db87b8f2013c2c84d273",
        16,
    ),
)


def signed(key: CertificateIssuerPrivateKeyTypes, *names: str) -> bytes:
    """Return a certificate that signs itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    if names:
        said = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        made = made.add_extension(said, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return made.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


def written(path: Path, key: PrivateKeyTypes, password: bytes | None = None) -> str:
    """Write a key; return its path."""
    locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        locked = serialization.BestAvailableEncryption(password)
    path.touch(mode=0o600)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(pem, pkcs8, encryption_algorithm=locked))
    return str(path)


def file(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_certificate_says_what_it_is(folder: Folder) -> None:
    said = facts(folder.issue("A.test", "*.b.test", "192.0.2.1")["certificate"])
    assert (said.kind, said.names) == ("ECDSA", ("a.test", "*.b.test"))
    assert said.expires - said.begins == 60 * 24 * 3600


def test_kinds_of_keys_are_told_apart(tmp_path: Path, folder: Folder) -> None:
    assert facts(folder.issue("a.test", rsa=True)["certificate"]).kind == "RSA"
    made = file(tmp_path / "ed", signed(ed25519.Ed25519PrivateKey.generate(), "a.test"))
    assert facts(made).kind == "Ed25519"


def test_an_address_alone_is_no_name_and_no_fault(folder: Folder) -> None:
    assert facts(folder.issue("192.0.2.1")["certificate"]).names == ()


def test_a_key_fits_its_certificate_from_its_own_file_or_the_same(folder: Folder) -> None:
    made = folder.issue("a.test")
    check_key(made["key"], made["certificate"])
    both = folder.path / "both.pem"
    both.touch(mode=0o600)
    both.write_bytes(Path(made["key"]).read_bytes() + Path(made["certificate"]).read_bytes())
    check_key(str(both), str(both))
    assert facts(str(both)).names == ("a.test",)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing` cannot be read: No such file or directory"):
        facts(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    "data", [b"", b"abc", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ValueError, match="holds no certificate in PEM"):
        authorities(file(tmp_path / "x", data))


def test_a_certificate_without_names_is_refused(tmp_path: Path) -> None:
    made = file(tmp_path / "x", signed(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(ValueError, match="is made out to nobody"):
        facts(made)


def test_a_kind_that_tls_does_not_use_is_refused(tmp_path: Path) -> None:
    made = file(tmp_path / "x", signed(DSA_NUMBERS.parameters().generate_private_key(), "a.test"))
    with pytest.raises(ValueError, match="has a key that TLS does not use"):
        facts(made)


def test_a_chain_stands_leaf_first(tmp_path: Path) -> None:
    root = trustme.CA()
    middle = root.create_child_ca()
    leaf, issuer = (one.bytes() for one in middle.issue_cert("a.test").cert_chain_pems[:2])
    good = file(tmp_path / "good", leaf + issuer + root.cert_pem.bytes())
    assert len(chain(good)) == 3
    for name, data in (("turned", issuer + leaf), ("gap", leaf + root.cert_pem.bytes())):
        with pytest.raises(ValueError, match=f"{name}` is out of order: .* has not issued"):
            chain(file(tmp_path / name, data))


def test_another_certificates_key_is_refused(folder: Folder) -> None:
    one, other = folder.issue("a.test", file="a"), folder.issue("b.test", file="b")
    with pytest.raises(ValueError, match="is not the key of"):
        check_key(other["key"], one["certificate"])


def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = file(tmp_path / "x", signed(key, "a.test"))
    with pytest.raises(ValueError, match=r"is encrypted, and nobody is there .* `openssl pkey`"):
        check_key(written(tmp_path / "key", key, b"secret"), made)


@pytest.mark.parametrize("data", [b"", b"abc"])
def test_what_is_no_key_is_refused(tmp_path: Path, folder: Folder, data: bytes) -> None:
    with pytest.raises(ValueError, match="holds no private key in PEM"):
        check_key(file(tmp_path / "x", data), folder.issue("a.test")["certificate"])


def test_a_key_that_everybody_may_read_is_refused(folder: Folder) -> None:
    made = folder.issue("a.test")
    Path(made["key"]).chmod(0o644)
    with pytest.raises(ValueError, match=re.escape(f"`chmod o= {made['key']}`")):
        check_key(made["key"], made["certificate"])
    Path(made["key"]).chmod(0o640)
    check_key(made["key"], made["certificate"])


def test_a_key_that_is_too_short_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    made = file(tmp_path / "x", signed(key, "a.test"))
    with pytest.raises(ValueError, match="is refused by OpenSSL: EE_KEY_TOO_SMALL"):
        check_key(written(tmp_path / "key", key), made)


def test_what_goes_on_is_what_was_checked_and_no_more(folder: Folder) -> None:
    """Whatever else stands in the files: comments, or another key."""
    made = folder.issue("a.test")
    key = Path(made["key"])
    key.write_bytes(b"K\xc3\xb6nig\n" + key.read_bytes())
    said, pem = served(made["certificate"], made["key"])
    assert (said, pem) == (facts(made["certificate"]), pair(made["certificate"], made["key"]))
    kinds = [b"CERTIFICATE", b"PRIVATE KEY"]
    assert [pem.count(b"-----BEGIN %b-----" % kind) for kind in kinds] == [1, 1]
    assert pem.startswith(b"-----BEGIN CERTIFICATE")
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pem)


def test_authorities_may_have_comments(folder: Folder) -> None:
    pem = folder.ca.read_bytes()
    made = file(folder.path / "x", "# Staat der Niederländer\n".encode() + pem + pem)
    assert trusted(made) == pem + pem


def test_a_key_that_has_gone_since_it_was_read_is_named(folder: Folder) -> None:
    with pytest.raises(ValueError, match="gone` cannot be read: No such file"):
        _is_open(str(folder.path / "gone"))
