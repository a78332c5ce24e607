"""Why a request is not served now."""

from typing import Final

from tta_gateway.kernel.problem import Problem

SHED: Final = Problem(
    "admission_shed",
    503,
    "The service has more to do than it can.",
    "Try again when Retry-After says, not sooner: what is more important goes first meanwhile.",
    "connection_limit_reached",
    2,
)
OVERLOADED: Final = Problem(
    "admission_overloaded",
    503,
    "The gateway has more to do than it can.",
    "Try again when Retry-After says, not sooner: what is more important goes first meanwhile.",
    "proxy_internal_response",
    5,
)
