"""Certificates for tests: an authority, and what it or nobody has signed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme

from tta_gateway.snapshot.model import Certificate

_DAY: Final = timedelta(days=1)


class Folder:
    """A folder of certificates and keys, all of one authority."""

    def __init__(self, path: Path, *, authority: str = "ca.pem") -> None:
        """Make the authority."""
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.authority = trustme.CA()
        self.ca = path / authority
        self.authority.cert_pem.write_to_path(str(self.ca))

    def issue(
        self,
        *names: str,
        file: str = "server.pem",
        rsa: bool = False,
        days: float = 30,
        authority: trustme.CA | None = None,
    ) -> dict[str, str]:
        """Write a certificate and its key; with less than no days to go it is over by so many."""
        now = datetime.now(UTC)
        issued = (authority or self.authority).issue_cert(
            *names,
            not_before=now - 30 * _DAY,
            not_after=now + days * _DAY,
            key_type=trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA,
        )
        certificate, key = self.path / file, self.path / f"{file}.key"
        for blob, place in (
            (b"".join(one.bytes() for one in issued.cert_chain_pems), certificate),
            (issued.private_key_pem.bytes(), key),
        ):
            beside = place.with_suffix(".new")
            beside.touch(mode=0o600)
            beside.write_bytes(blob)
            beside.replace(place)
        return {"certificate": str(certificate), "key": str(key)}

    @property
    def server(self) -> dict[str, str]:
        """Return the files of the certificate that is named when none is."""
        file = self.path / "server.pem"
        return {"certificate": str(file), "key": f"{file}.key"}

    def compiled(self, *names: str, file: str = "server.pem", rsa: bool = False) -> Certificate:
        """Return a certificate as a snapshot holds it."""
        return compiled(self.issue(*names, file=file, rsa=rsa), *names, rsa=rsa)

    def trusted(self) -> dict[str, bytes]:
        """Return the authority as a snapshot holds it, under the path of its file."""
        return {str(self.ca): self.ca.read_bytes()}


def pem_of(made: Mapping[str, str]) -> bytes:
    """Return a certificate and its key."""
    return Path(made["certificate"]).read_bytes() + Path(made["key"]).read_bytes()


def compiled(made: Mapping[str, str], *names: str, rsa: bool = False) -> Certificate:
    """Return a certificate that has been issued as a snapshot holds it."""
    return Certificate(
        certificate=made["certificate"],
        pem=pem_of(made),
        kind="RSA" if rsa else "ECDSA",
        names=names,
        expires=0,
    )
