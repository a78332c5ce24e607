"""An authority for development: makes itself, and certificates of services, with nothing but bytes.

Certificates are short-lived, and the authority is held to one trust domain and to names and
addresses that are nobody else's in the world, so that its key is worth little to whoever finds it.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tta_gateway.support.spiffe import SCHEME, spiffe_id, trust_domain

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
NAMES: Final = ("localhost", "internal", "local", "test", "svc")
"""What names in DNS must be, or end with: these are nobody's in the world (RFC 6761, 6762)."""
NETWORKS: Final = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
NETWORKS_6: Final = ("::1/128", "fc00::/7")
_EARLY: Final = timedelta(minutes=5)  # that other clocks may be behind
_CURVE: Final = ec.SECP256R1
_NO_KEY: Final = "holds no private key of an authority: ECDSA, unencrypted"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate to be made: whom it is of, and by what names and addresses it is reached."""

    id: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    lasts: timedelta = timedelta(days=7)


def new_key() -> bytes:
    """Return a private key in PEM."""
    key = ec.generate_private_key(_CURVE())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_authority(key: bytes, domain: str, *, now: float, lasts: timedelta) -> bytes:
    """Return the certificate of an authority of a trust domain, in PEM."""
    signer = _key(key)
    name = _subject("development authority of", trust_domain(domain))
    begins = datetime.fromtimestamp(now, UTC)
    made = (
        _builder(name, name, begins=begins, ends=begins + lasts)
        .public_key(signer.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_use(signs=True), critical=True)
        .add_extension(_constraints(domain), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"{SCHEME}{domain}")]),
            critical=False,
        )
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def issue(authority: bytes, signer: bytes, *, key: bytes, wanted: Wanted, now: float) -> bytes:
    """Return a certificate for a service's key, in PEM; ValueError in words if it cannot be."""
    issuer, signing = x509.load_pem_x509_certificate(authority), _key(signer)
    if issuer.public_key() != signing.public_key():
        raise ValueError("the key is not that of the authority's certificate")
    begins = datetime.fromtimestamp(now, UTC)
    if begins + wanted.lasts > issuer.not_valid_after_utc:
        raise ValueError(
            f"it would outlive the authority, which ends {issuer.not_valid_after_utc:%Y-%m-%d}: "
            "ask for a shorter life, or make another authority"
        )
    domain = domain_of(authority)
    if not spiffe_id(wanted.id).startswith(f"{SCHEME}{domain}/"):
        raise ValueError(f"`{wanted.id}` is not of this authority's trust domain, `{domain}`")
    public = _key(key).public_key()
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    made = (
        _builder(
            _subject("service", wanted.id.rpartition("/")[2]),
            issuer.subject,
            begins=begins,
            ends=begins + wanted.lasts,
        )
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_use(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(wanted)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False
        )
        .sign(signing, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def domain_of(authority: bytes) -> str:
    """Return the trust domain of an authority; ValueError in words if it has none."""
    made = x509.load_pem_x509_certificate(authority)
    try:
        said = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError(_NO_DOMAIN) from None
    found = said.get_values_for_type(x509.UniformResourceIdentifier)
    if len(found) != 1 or not found[0].startswith(SCHEME):
        raise ValueError(_NO_DOMAIN)
    return trust_domain(found[0].removeprefix(SCHEME))


_NO_DOMAIN: Final = (
    "the authority's certificate names no trust domain: `pki init` makes one that does"
)


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        found = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ValueError(_NO_KEY) from None
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ValueError(_NO_KEY)  # noqa: TRY004 - it is what a file holds
    return found


def _builder(
    subject: x509.Name, issuer: x509.Name, *, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - _EARLY)
        .not_valid_after(ends)
    )


def _subject(kind: str, name: str) -> x509.Name:
    """Return a name without CN: OpenSSL would hold that against the constraints as if in DNS."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "TTA Gateway development"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{kind} {name}"[:64]),
        ]
    )


def _use(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _constraints(domain: str) -> x509.NameConstraints:
    """Return what certificates of an authority may name (RFC 5280 4.2.1.10)."""
    permitted: list[x509.GeneralName] = [x509.UniformResourceIdentifier(domain)]
    permitted += [x509.DNSName(one) for one in NAMES]
    permitted += [x509.IPAddress(ipaddress.ip_network(one)) for one in (*NETWORKS, *NETWORKS_6)]
    return x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)


def _names(wanted: Wanted) -> list[x509.GeneralName]:
    """Return all that a certificate names; ValueError in words if others may have one of them."""
    return [
        x509.UniformResourceIdentifier(wanted.id),
        *(x509.DNSName(_name(one)) for one in wanted.names),
        *(x509.IPAddress(_address(one)) for one in wanted.addresses),
    ]


def _name(text: str) -> str:
    name = text.lower()
    if not any(name == one or name.endswith(f".{one}") for one in NAMES):
        raise ValueError(
            f"`{text}` is not a name for development: it must be, or end with, {_listed(NAMES)}"
        )
    return name


def _address(text: str) -> Ip:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"`{text}` is not an address: write `127.0.0.1` or `::1`") from None
    if not any(found in ipaddress.ip_network(one) for one in (*NETWORKS, *NETWORKS_6)):
        raise ValueError(
            f"`{text}` can be reached from outside: a development authority is for this machine "
            "and for private networks"
        )
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in names)
