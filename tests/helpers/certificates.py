"""Certificates for tests: an authority, and what it or nobody has signed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme

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
