"""Certificates of services for tests, good and hostile: whatever a builder can be made to say."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

PLAYERS: Final = "spiffe://tta/players"
NOW: Final = 1_800_000_000.0
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
BOTH: Final = (CLIENT, SERVER)
DAY: Final = 86_400.0


def usage(**said: bool) -> x509.KeyUsage:
    """A keyUsage of which these are so."""
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{one: said.get(one, False) for one in every})


SIGNATURES: Final = usage(digital_signature=True)


def at(seconds: float) -> dt.datetime:
    """A time of the epoch as certificates have it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


class Authority:
    """An authority, of another's where one is given, that issues whatever it is asked for."""

    def __init__(
        self,
        name: str = "authority",
        *,
        above: "Authority | None" = None,
        begins: float = NOW - DAY,
        ends: float = NOW + 100 * DAY,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        self.above = above
        signer = above or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(signer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at(begins))
            .not_valid_after(at(ends))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        )
        self.certificate = builder.sign(signer.key, hashes.SHA256())
        self.der = self.certificate.public_bytes(Encoding.DER)
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        *uris: str,
        dns: Sequence[str] = (),
        names: bool = True,
        ca: bool | None = False,
        use: x509.KeyUsage | None = SIGNATURES,
        purposes: Sequence[ObjectIdentifier] | None = BOTH,
        begins: float = NOW - DAY,
        ends: float = NOW + DAY,
    ) -> "Leaf":
        """A certificate that says so."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at(begins))
            .not_valid_after(at(ends))
        )
        said = [*map(x509.UniformResourceIdentifier, uris), *map(x509.DNSName, dns)]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(said), critical=True)
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        if use is not None:
            builder = builder.add_extension(use, critical=True)
        if purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        return Leaf(builder.sign(self.key, hashes.SHA256()), key, self)


class Leaf:
    """A certificate with its key."""

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, above: Authority
    ) -> None:
        self.certificate = certificate
        self.der = certificate.public_bytes(Encoding.DER)
        self.key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.chain = (self.der, *_above(above))
        between = [one for one in _every(above) if one.above is not None]
        self.pem = b"".join([certificate.public_bytes(Encoding.PEM), *(one.pem for one in between)])

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """Write both; return the paths of certificate and key."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        for file, data in ((certificate, self.pem), (key, self.key)):
            beside = file.with_suffix(".new")
            beside.touch(mode=0o600)
            beside.write_bytes(data)
            beside.replace(file)
        return str(certificate), str(key)


def _every(authority: Authority) -> list[Authority]:
    """An authority and all above it."""
    found, one = [authority], authority.above
    while one is not None:
        found.append(one)
        one = one.above
    return found


def _above(authority: Authority) -> tuple[bytes, ...]:
    return tuple(one.der for one in _every(authority))
