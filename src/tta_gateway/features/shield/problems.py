"""Why a request goes no further because of where it comes from."""

from typing import Final

from tta_gateway.kernel.problem import Problem

ASKED_TO_WAIT: Final = Problem(
    "shield_challenged",
    429,
    "Too much that looks like an attack has come from this address.",
    "Wait as Retry-After says, and ask once: whoever does is answered.  Who is logged in is not"
    " asked to wait: send the access token.",
    retry_after=2,
)
KEPT_OUT: Final = Problem(
    "shield_blocked",
    429,
    "This address is kept out for a while: it has attacked the gateway.",
    "Try again when Retry-After says, or from another network.  Who is logged in gets through"
    " slowly: send the access token.  Whoever runs the gateway can let the address in.",
    retry_after=60,
    closes=True,
)
SLOWED: Final = Problem(
    "shield_slowed",
    429,
    "The address that you share is kept out for a while; you get through, but slowly.",
    "Try again when Retry-After says: from another network nothing slows you.",
    retry_after=1,
)
