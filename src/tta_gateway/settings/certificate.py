"""Certificates and keys: whether the files that a configuration names can serve, in words.

Whatever is wrong with them is said when the configuration is checked, not when a client connects.
What goes on from here is what was checked, not where it stands: files may be others a moment later.
What reads them is imported once there is one to read: most configurations name none.
"""

import ssl
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tta_gateway.support.pem import load_authorities, load_pair

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

_OTHERS: Final = 0o007  # what everybody on the machine may do
_PEM: Final = "`-----BEGIN CERTIFICATE-----`"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says of itself; seconds since the epoch."""

    kind: str
    names: tuple[str, ...]
    begins: float
    expires: float


def chain(path: str) -> "list[Certificate]":
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


def authorities(path: str) -> "list[Certificate]":
    """Return the certificates of a file in any order; ValueError in words if there are none."""
    from cryptography import x509

    data = _data(path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ValueError(f"`{path}` holds no certificate in PEM: {_PEM} begins one") from None


def trusted(path: str) -> bytes:
    """Return the authorities of a file, and no more; ValueError in words if they cannot serve."""
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = b"".join(one.public_bytes(Encoding.PEM) for one in authorities(path))
    try:
        load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem)
    except ssl.SSLError as error:
        raise ValueError(f"`{path}` is refused by OpenSSL: {error.reason}") from None
    return pem


def facts(path: str) -> Facts:
    """Return what the first certificate of a file says; ValueError in words if it cannot serve."""
    return _facts(chain(path)[0], path)


def _facts(leaf: "Certificate", path: str) -> Facts:
    names = _names(leaf)
    if names is None:
        raise ValueError(
            f"`{path}` is made out to nobody: clients want names in subjectAltName, and read "
            "nothing else"
        )
    kind = _kind(leaf)
    if kind is None:
        raise ValueError(f"`{path}` has a key that TLS does not use: take an ECDSA or RSA one")
    begins, expires = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return Facts(kind, names, begins.timestamp(), expires.timestamp())


def _kind(leaf: "Certificate") -> str | None:
    """Return the kind of key that a certificate is about; None of one that TLS does not use."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    kinds = (
        (ec.EllipticCurvePublicKey, "ECDSA"),
        (rsa.RSAPublicKey, "RSA"),
        (ed25519.Ed25519PublicKey, "Ed25519"),
        (ed448.Ed448PublicKey, "Ed448"),
    )
    return next((kind for type_, kind in kinds if isinstance(leaf.public_key(), type_)), None)


def _names(leaf: "Certificate") -> tuple[str, ...] | None:
    """Return the DNS names of a certificate, which may have addresses alone; None without any."""
    from cryptography import x509

    try:
        said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return tuple(dict.fromkeys(name.lower() for name in said.get_values_for_type(x509.DNSName)))


def served(certificate: str, key: str) -> tuple[Facts, bytes]:
    """Return what a certificate says, and all of it with its key; ValueError in words."""
    found = chain(certificate)
    return _facts(found[0], certificate), _pair(found, certificate, key)


def pair(certificate: str, key: str) -> bytes:
    """Return a certificate, its chain and its key in PEM; ValueError in words."""
    return _pair(chain(certificate), certificate, key)


def check_key(path: str, certificate: str) -> None:
    """ValueError in words if the key cannot serve with the certificate."""
    pair(certificate, path)


def _pair(found: "list[Certificate]", certificate: str, path: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = _key(path)
    mine, its = (
        one.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for one in (key.public_key(), found[0].public_key())
    )
    if mine != its:
        raise ValueError(f"`{path}` is not the key of `{certificate}`")
    if _is_open(path):
        raise ValueError(
            f"`{path}` holds a private key that everybody on this machine may read: "
            f"`chmod o= {path}`"
        )
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in found)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _try(pem, certificate)
    return pem


def _key(path: str) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

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


def _try(pem: bytes, certificate: str) -> None:
    """ValueError if OpenSSL itself refuses what workers will give it."""
    try:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pem)
    except ssl.SSLError as error:
        raise ValueError(f"`{certificate}` is refused by OpenSSL: {error.reason}") from None


def _is_open(path: str) -> bool:
    try:
        return bool(Path(path).stat().st_mode & _OTHERS)
    except OSError as error:
        raise ValueError(f"`{path}` cannot be read: {error.strerror}") from None


def _data(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"`{path}` cannot be read: {error.strerror}") from None
