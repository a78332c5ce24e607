"""Certificates of services, read by the rules of X.509-SVID: one SPIFFE id, of a leaf.

Whether a chain leads to an authority is for OpenSSL, in the handshake; here is what it does not
look at.  Whatever cannot be read makes the whole certificate worthless.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from tta_gateway.support.spiffe import spiffe_id

Side = Literal["client", "server"]
_MALFORMED: Final = (
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    ValueError,
)
_PURPOSES: Final[dict[str, ObjectIdentifier]] = {
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
}


class Unfit(ValueError):
    """A certificate names no service, in words."""


@dataclass(frozen=True, slots=True)
class Svid:
    """Whose certificate it is, and when all certificates up to the authority count.

    `begins` and `expires` are in seconds of the epoch.
    """

    id: str
    begins: float
    expires: float


def svid_of(chain: Sequence[bytes], side: Side) -> Svid:
    """Return whom a chain in DER is of, the leaf first; Unfit if it is of nobody."""
    if not chain:
        raise Unfit("there is none")
    try:
        read = [x509.load_der_x509_certificate(one) for one in chain]
        extensions = read[0].extensions
    except _MALFORMED as error:
        raise Unfit("it is not well-formed") from error
    name = _named(extensions)
    _check_use(extensions, side)
    begins = max([one.not_valid_before_utc.timestamp() for one in read])
    return Svid(name, begins, min([one.not_valid_after_utc.timestamp() for one in read]))


def _named(extensions: x509.Extensions) -> str:
    """Return the id that a leaf has: it must have one name that is a URI (X.509-SVID 2)."""
    try:
        said = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise Unfit("it has no subjectAltName") from None
    uris = said.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise Unfit(f"it names {len(uris) or 'no'} URIs: one, `spiffe://…`, is wanted")
    try:
        return spiffe_id(uris[0])
    except ValueError as error:
        raise Unfit(str(error)) from None


def _check_use(extensions: x509.Extensions, side: Side) -> None:
    """Unfit unless the certificate is a leaf's, for this side (X.509-SVID 4.1, 4.3, 4.4)."""
    try:
        if extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise Unfit("it is an authority's, not a service's")
    except x509.ExtensionNotFound:
        pass  # whoever says nothing is no authority (RFC 5280 4.2.1.9)
    try:
        use = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        raise Unfit("it has no keyUsage") from None
    if use.key_cert_sign or use.crl_sign:
        raise Unfit("its keyUsage lets it sign certificates")
    if not use.digital_signature:
        raise Unfit("its keyUsage has no digitalSignature")
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if _PURPOSES[side] not in list(purposes):
        raise Unfit(f"its extendedKeyUsage has no {side}Auth")


def names_of(chain: Sequence[bytes]) -> frozenset[str]:
    """Return what the certificates of a chain in DER are called by who withdraws them.

    That is their serial numbers and fingerprints, as support/withdrawal.py spells them.
    """
    found = set[str]()
    for der in chain:
        found.add(hashlib.sha256(der).hexdigest())
        with contextlib.suppress(*_MALFORMED):  # then it has no other name, and counts for nothing
            found.add(f"{x509.load_der_x509_certificate(der).serial_number:x}")
    return frozenset(found)


def authority(der: bytes) -> bytes:
    """Return what an authority is known by: its name and key, however often it is issued anew."""
    return _known_by(x509.load_der_x509_certificate(der))


def authorities(pem: bytes) -> frozenset[bytes]:
    """Return what the authorities of a file are known by."""
    return frozenset(_known_all(x509.load_pem_x509_certificates(pem)))


def _known_all(read: Iterable[x509.Certificate]) -> list[bytes]:
    return [_known_by(one) for one in read]


def _known_by(one: x509.Certificate) -> bytes:
    try:
        key = one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (UnsupportedAlgorithm, ValueError):  # of a kind that OpenSSL alone knows
        return hashlib.sha256(one.public_bytes(Encoding.DER)).digest()
    return hashlib.sha256(one.subject.public_bytes() + key).digest()
