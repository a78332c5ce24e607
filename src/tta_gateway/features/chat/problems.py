"""Why a chat is not opened."""

from typing import Final

from tta_gateway.kernel.problem import Problem

REFUSED: Final = Problem(
    "chat_refused_by_service",
    403,
    "The chat's service does not let you in.",
    "Sign in again; if that changes nothing, ask the operator: the service itself refuses.",
    "http_request_denied",
)
UNAVAILABLE: Final = Problem(
    "chat_unavailable",
    503,
    "The chat's service opens no chat at the moment.",
    "Connect again a little later; nothing was sent.",
    "destination_unavailable",
    2,
)
