"""Whether a page is of the place that its request is for."""

from typing import Final

_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443"}


def is_own(origin: bytes, *, scheme: bytes, host: bytes) -> bool:
    """Tell whether an origin (RFC 6454 7) is the scheme and the host that the client used.

    A proxy that nobody has named here may have taken off the TLS: so a page of `https` is the same
    host's own where `http` is all that is known, but never the other way round.
    """
    own, mark, authority = origin.lower().partition(b"://")
    if not mark or own not in _DEFAULT_PORTS:
        return False
    if own != scheme and scheme != b"http":
        return False
    port = _DEFAULT_PORTS[own]
    return authority.removesuffix(port) == host.lower().removesuffix(port)
