"""The files of a development authority: `tta-gateway pki`.

Keys are for their owner alone, and nothing that is there is overwritten.  A certificate is renewed
for the key that is there already, by one rename: whoever reads both files finds a pair, always.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tta_gateway.support.authority import Wanted, domain_of, issue, new_authority, new_key
from tta_gateway.support.spiffe import SCHEME
from tta_gateway.support.svid import Unfit, svid_of

CERTIFICATE: Final = "ca.pem"
KEY: Final = "ca.key"
_SECRET: Final = 0o600
_OPEN: Final = 0o644
_AT: Final = "%Y-%m-%d %H:%M"


class PkiError(Exception):
    """It cannot be done; says why, and what to do."""


def init(folder: Path, domain: str, *, now: float, lasts: timedelta) -> list[Path]:
    """Make an authority; return the files."""
    certificate, key = folder / CERTIFICATE, folder / KEY
    _absent(certificate, key)
    try:
        signer = new_key()
        made = new_authority(signer, domain, now=now, lasts=lasts)
    except ValueError as error:
        raise PkiError(str(error)) from None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(key, signer, _SECRET)
    _write(certificate, made, _OPEN)
    return [certificate, key]


def issue_to(
    folder: Path, into: Path, wanted: Wanted, *, name: str, now: float, renew: bool = False
) -> list[Path]:
    """Make a certificate of a service, and its key; with `renew`, for the key that is there."""
    authority, signer = _read(folder / CERTIFICATE), _read(folder / KEY)
    certificate, key = into / f"{name}.pem", into / f"{name}.key"
    if not renew:
        _absent(certificate, key)
    try:
        own = _read(key) if renew else new_key()
        made = issue(authority, signer, key=own, wanted=wanted, now=now)
    except ValueError as error:
        raise PkiError(str(error)) from None
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not renew:
        _write(key, own, _SECRET)
        _write(certificate, made, _OPEN)
        return [certificate, key]
    beside = certificate.with_suffix(f".{os.getpid()}")
    _write(beside, made, _OPEN)
    beside.replace(certificate)
    return [certificate]


def id_of(folder: Path, service: str) -> str:
    """Return the SPIFFE id of a service in an authority's trust domain."""
    try:
        return f"{SCHEME}{domain_of(_read(folder / CERTIFICATE))}/{service}"
    except ValueError as error:
        raise PkiError(str(error)) from None


def shown(file: Path) -> Iterator[str]:
    """Yield what the certificates of a file say, a line each."""
    try:
        found = x509.load_pem_x509_certificates(_read(file))
    except ValueError:
        raise PkiError(
            f"{file} holds no certificate in PEM: `-----BEGIN CERTIFICATE-----` begins one"
        ) from None
    for number, one in enumerate(found):
        yield f"{file}" if number == 0 else f"{file}, certificate {number + 1}"
        yield f"  of       {one.subject.rfc4514_string() or '(nobody)'}"
        yield f"  by       {one.issuer.rfc4514_string()}"
        yield f"  counts   {one.not_valid_before_utc:{_AT}} to {one.not_valid_after_utc:{_AT}} UTC"
        yield from (f"  names    {name}" for name in _names(one))
        yield f"  proves   {_proved(one)}"
        yield f"  serial   {one.serial_number:x}"
        yield f"  sha256   {one.fingerprint(hashes.SHA256()).hex()}"


def _names(one: x509.Certificate) -> list[str]:
    try:
        said = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    except ValueError as error:
        return [f"(not well-formed: {error})"]
    return [str(name.value) for name in said]


def _proved(one: x509.Certificate) -> str:
    """Say which service a certificate proves, or why it proves none."""
    try:
        return svid_of((one.public_bytes(Encoding.DER),), "client").id
    except Unfit as error:
        return f"no service: {error}"


def _absent(*files: Path) -> None:
    for file in files:
        if os.path.lexists(file):
            raise PkiError(
                f"{file} is there already, and is not overwritten: choose another folder, move it "
                "away, or renew a certificate with `pki issue --renew`"
            )


def _write(file: Path, data: bytes, mode: int) -> None:
    """Write a new file that nobody else could have opened in between."""
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except OSError as error:
        raise PkiError(f"{file} cannot be written: {error.strerror}") from None
    with os.fdopen(fd, "wb") as opened:
        opened.write(data)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        hint = ": `tta-gateway pki init` makes one" if file.name == CERTIFICATE else ""
        raise PkiError(f"{file} cannot be read: {error.strerror}{hint}") from None
