"""The authorities that this machine trusts, for services that name none of their own.

They are read when the configuration is, like any other file of it: OpenSSL would read them from the
disk in the middle of a handshake.
"""

import contextlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tta_gateway.support.pem import load_authorities

_BLOCK: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL | re.ASCII
)
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # what OpenSSL looks for in a folder


def authorities() -> bytes:
    """Return them in PEM, none where there are none; what OpenSSL does not take is left out."""
    scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found = {der for file in _files() for der in _certificates(file)}
    good = []
    for pem in sorted(ssl.DER_cert_to_PEM_cert(der) for der in found):
        with contextlib.suppress(ssl.SSLError):
            load_authorities(scratch, pem.encode())
            good.append(pem)
    return "".join(good).encode()


def _files() -> Iterator[Path]:
    """Yield the files; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others than OpenSSL knows of."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        yield Path(paths.cafile)
    with contextlib.suppress(OSError):
        for file in Path(paths.capath).iterdir() if paths.capath else ():
            if _HASHED.fullmatch(file.name):
                yield file


def _certificates(file: Path) -> Iterator[bytes]:
    try:
        text = file.read_bytes().decode("latin-1")
    except OSError:  # a link whose file has gone
        return
    for block in _BLOCK.findall(text):
        with contextlib.suppress(ValueError):
            yield ssl.PEM_cert_to_DER_cert(block)
