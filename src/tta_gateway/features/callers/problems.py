"""Why a service may not call.

All of them are 403, not 401: no field that a client could send would change anything, and whoever
has a better certificate needs another connection.
"""

from typing import Final

from tta_gateway.kernel.problem import Problem

_ISSUE: Final = "get one from the authority that the operator names in `client_ca`"

MISSING: Final = Problem(
    "caller_certificate_missing",
    403,
    "This path is for services that show a certificate.",
    "Connect at an internal listener that speaks TLS and names authorities (`client_ca`), with a "
    "client certificate that says `spiffe://domain/service`.",
    "http_request_denied",
    closes=True,
)
UNFIT: Final = Problem(
    "caller_certificate_unfit",
    403,
    "The certificate does not say which service it is of.",
    "Show an X.509-SVID: a leaf, not an authority, whose subjectAltName has exactly one URI, "
    "`spiffe://domain/service`, with keyUsage digitalSignature and, if extendedKeyUsage is there, "
    "clientAuth. `tta-gateway pki show` says what a file holds.",
    "http_request_denied",
    closes=True,
)
EARLY: Final = Problem(
    "caller_certificate_early",
    403,
    "The certificate is not valid yet.",
    "Wait, or set the clock of whoever has issued it.",
    "http_request_denied",
    closes=True,
)
EXPIRED: Final = Problem(
    "caller_certificate_expired",
    403,
    "The certificate that this connection began with has expired.",
    "Connect again with a new one; services renew theirs before that, and take the new one for "
    "new connections.",
    "http_request_denied",
    closes=True,
)
WITHDRAWN: Final = Problem(
    "caller_certificate_withdrawn",
    403,
    "The authority of this certificate is believed no longer.",
    f"Connect again with another certificate: {_ISSUE}.",
    "http_request_denied",
    closes=True,
)
REVOKED: Final = Problem(
    "caller_certificate_revoked",
    403,
    "This certificate has been withdrawn.",
    "Connect again with another certificate: the operator has withdrawn this one "
    "(`identity.withdrawn`).",
    "http_request_denied",
    closes=True,
)
UNKNOWN: Final = Problem(
    "caller_unknown",
    403,
    "The service of this certificate is not known here.",
    "Have the operator name its SPIFFE id in `identity.services`.",
    "http_request_denied",
)
FORBIDDEN: Final = Problem(
    "caller_forbidden",
    403,
    "This path is for other services.",
    "Have the operator name the service in `callers` of the route, if it is to call it.",
    "http_request_denied",
)
