"""SPIFFE ids: what a service is called in its certificate, `spiffe://trust-domain/path`.

As strict as the standard (SPIFFE-ID 2): no port, no user, no query, no escapes, one spelling for
each.  So two ids are of the same service only if they are the same text.
"""

import re
from typing import Final

SCHEME: Final = "spiffe://"
_LONGEST: Final = 2048  # bytes of an id (SPIFFE-ID 2.3)
_LONGEST_DOMAIN: Final = 255
_DOMAIN: Final = re.compile(r"[a-z0-9._-]+")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")


def spiffe_id(text: str) -> str:
    """Return the id of a service as it is written; ValueError in words if it is none."""
    if not text.startswith(SCHEME):
        raise ValueError(f"`{text}` is not a SPIFFE id: write `spiffe://domain/service`")
    if len(text) > _LONGEST:
        raise ValueError(f"a SPIFFE id has {_LONGEST} characters at most")
    domain, slash, path = text[len(SCHEME) :].partition("/")
    trust_domain(domain)
    if not slash or not path:
        raise ValueError(
            f"`{text}` names a trust domain and no service: write `{SCHEME}{domain}/service`"
        )
    for segment in path.split("/"):
        if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise ValueError(
                f"`{text}` has `{segment}` between slashes: letters, digits, `-`, `.` and `_` "
                "alone, at least one, and no `.` or `..`"
            )
    return text


def trust_domain(text: str) -> str:
    """Return a trust domain as it is written; ValueError in words if it is none."""
    if not _DOMAIN.fullmatch(text) or len(text) > _LONGEST_DOMAIN:
        raise ValueError(
            f"`{text}` is not a trust domain: small letters, digits, `-`, `.` and `_` make one, "
            "without a user or a port"
        )
    return text


def domain_of(text: str) -> str:
    """Return the trust domain of an id."""
    return text[len(SCHEME) :].partition("/")[0]
