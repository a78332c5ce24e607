"""Certificates and keys: whether the files that a configuration names can serve, in words.

Whatever is wrong with them is said when the configuration is checked, not when a client connects.
Only names, dates and the kind of key go on from here; keys stay in their files.
"""

import hashlib
import ssl
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

_KINDS: Final = (
    (ec.EllipticCurvePublicKey, "ECDSA"),
    (rsa.RSAPublicKey, "RSA"),
    (ed25519.Ed25519PublicKey, "Ed25519"),
    (ed448.Ed448PublicKey, "Ed448"),
)
_OTHERS: Final = 0o007  # what everybody on the machine may do
_PEM: Final = "`-----BEGIN CERTIFICATE-----`"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says of itself; seconds since the epoch."""

    kind: str
    names: tuple[str, ...]
    begins: float
    expires: float


def chain(path: str) -> list[x509.Certificate]:
    """Return the certificates of a file; ValueError in words if they cannot serve."""
    found = authorities(path)
    for one, issuer in pairwise(found):
        if one.issuer != issuer.subject:
            raise ValueError(
                f"`{path}` is out of order: `{issuer.subject.rfc4514_string()}` has not issued "
                f"`{one.subject.rfc4514_string()}`, which stands before it; write the server's own "
                "certificate first, then each one's issuer"
            )
    return found


def authorities(path: str) -> list[x509.Certificate]:
    """Return the certificates of a file in any order; ValueError in words if there are none."""
    data = _data(path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ValueError(f"`{path}` holds no certificate in PEM: {_PEM} begins one") from None


def facts(path: str) -> Facts:
    """Return what the first certificate of a file says; ValueError in words if it cannot serve."""
    leaf = chain(path)[0]
    names = _names(leaf)
    if names is None:
        raise ValueError(
            f"`{path}` is made out to nobody: clients want names in subjectAltName, and read "
            "nothing else"
        )
    kind = next((kind for type_, kind in _KINDS if isinstance(leaf.public_key(), type_)), None)
    if kind is None:
        raise ValueError(f"`{path}` has a key that TLS does not use: take an ECDSA or RSA one")
    begins, expires = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return Facts(kind, names, begins.timestamp(), expires.timestamp())


def _names(leaf: x509.Certificate) -> tuple[str, ...] | None:
    """Return the DNS names of a certificate, which may have addresses alone; None without any."""
    try:
        said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return tuple(dict.fromkeys(name.lower() for name in said.get_values_for_type(x509.DNSName)))


def check_key(path: str, certificate: str) -> None:
    """ValueError in words if the key cannot serve with the certificate."""
    key = _key(path)
    mine, its = (
        one.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for one in (key.public_key(), chain(certificate)[0].public_key())
    )
    if mine != its:
        raise ValueError(f"`{path}` is not the key of `{certificate}`")
    if Path(path).stat().st_mode & _OTHERS:
        raise ValueError(
            f"`{path}` holds a private key that everybody on this machine may read: "
            f"`chmod o= {path}`"
        )
    check_pair(certificate, path)


def _key(path: str) -> PrivateKeyTypes:
    data = _data(path)
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        raise ValueError(
            f"`{path}` is encrypted, and nobody is there to type its password: write it out with "
            "`openssl pkey`, for the gateway's user alone to read"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            f"`{path}` holds no private key in PEM: `-----BEGIN PRIVATE KEY-----` begins one"
        ) from None


def check_pair(certificate: str, key: str) -> None:
    """ValueError if OpenSSL itself refuses them."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise ValueError(f"`{certificate}` is refused by OpenSSL: {error.reason}") from None


def digest(*paths: str) -> str:
    """Return what tells other certificates at the same paths apart."""
    made = hashlib.sha256()
    for path in paths:
        for one in authorities(path) if path else ():
            made.update(one.public_bytes(Encoding.DER))
        made.update(b"\0")
    return made.hexdigest()


def _data(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"`{path}` cannot be read: {error.strerror}") from None
