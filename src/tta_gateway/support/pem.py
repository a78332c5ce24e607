"""Certificates and keys that are in memory, given to OpenSSL, which reads keys from files alone.

The file has no name and is gone at once: no key touches a disk, and nobody waits for one.  It is
for authorities too: those of a machine take OpenSSL some 30 ms, and for a file alone Python lets
other threads go on meanwhile.
"""

import contextlib
import os
import ssl
from collections.abc import Iterator


def load_pair(context: ssl.SSLContext, pem: bytes) -> None:
    """Give a context a certificate, its chain and its key; OSError, mostly ssl.SSLError, if not."""
    with _file(pem) as path:
        context.load_cert_chain(path, password=_no_password)


def load_authorities(context: ssl.SSLContext, pem: bytes) -> None:
    """Have a context trust these certificates; OSError, mostly ssl.SSLError, if it cannot."""
    if pem:
        with _file(pem) as path:
            context.load_verify_locations(path)


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[str]:
    """Yield the path of a file that holds the data, as long as it is needed."""
    fd = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        rest = data
        while rest:
            rest = rest[os.write(fd, rest) :]
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _no_password() -> str:
    """Stand for a password: OpenSSL would ask for one at the terminal."""
    return ""
