"""Demand: connections to a service that must prove a SPIFFE id, whoever opens them.

The look at its certificate is a part of the handshake, so that nobody who has a context can leave
it out: workers, checks and control's own requests.  OpenSSL has verified the chain by then.
"""

import ssl
from collections.abc import Callable
from typing import Final, cast

from tta_gateway.support.svid import Unfit, names_of, svid_of

_REFUSED = 1
_NONE: Final[frozenset[str]] = frozenset()


def demand(context: ssl.SSLContext, spiffe_id: str, withdrawn: frozenset[str] = _NONE) -> None:
    """Have every handshake of a context fail unless the peer proves to be this service.

    It cannot by a certificate that was `withdrawn`.
    """

    def do_handshake(connection: ssl.SSLObject) -> None:
        ssl.SSLObject.do_handshake(connection)
        words = objection(connection.getpeercert(binary_form=True), spiffe_id, withdrawn)
        if words:
            raise _refusal(words)

    made = type(
        "Demanding", (ssl.SSLObject,), {"do_handshake": cast("Callable[..., None]", do_handshake)}
    )
    context.check_hostname = False
    context.sslobject_class = made


def objection(shown: bytes | None, spiffe_id: str, withdrawn: frozenset[str] = _NONE) -> str:
    """Return what is wrong with the certificate of a service, in words; empty: nothing."""
    try:
        found = svid_of((shown,) if shown else (), "server").id
    except Unfit as error:
        return f"its certificate is of no service: {error}"
    if found != spiffe_id:
        return f"it is of {found}, not of {spiffe_id}"
    if shown and not withdrawn.isdisjoint(names_of((shown,))):
        return "its certificate has been withdrawn (`identity.withdrawn`)"
    return ""


def _refusal(words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(_REFUSED, words)
    error.verify_code, error.verify_message = _REFUSED, words
    return error
