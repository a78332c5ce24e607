"""Why a client may not use a route."""

from typing import Final

from tta_gateway.kernel.problem import Problem

CLIENT_NOT_ALLOWED: Final = Problem(
    "client_not_allowed",
    403,
    "This path is not open to your network.",
    "Connect from another network; the operator lists those that may (`allow_from` of the route).",
    "http_request_denied",
)
