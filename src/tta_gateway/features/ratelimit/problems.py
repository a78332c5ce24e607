"""What clients are told of limits."""

from typing import Final

from tta_gateway.kernel.problem import Problem

EXCEEDED: Final = Problem(
    "ratelimit_exceeded",
    429,
    "This is more than the limit allows.",
    "Wait until Retry-After is over, then go on; `violated-policies` names the limits, RateLimit "
    "says on every answer what is left of them.",
    "http_request_denied",
)
CONCURRENCY_EXCEEDED: Final = Problem(
    "ratelimit_concurrency_exceeded",
    429,
    "Too many requests or connections are open at the same time.",
    "Wait for those that are under way, or close some; `violated-policies` names the limit.",
    "http_request_denied",
)
MESSAGES_EXCEEDED: Final = Problem(
    "ratelimit_messages_exceeded",
    429,
    "These are more messages than the limit allows.",
    "Send them more slowly; `violated-policies` names the limit.",
    "http_request_denied",
)
STORE_AWAY: Final = Problem(
    "ratelimit_store_unavailable",
    503,
    "Nobody can tell at the moment whether the limit allows this.",
    "Try again when Retry-After says. This limit counts strictly, and its store is away.",
    "proxy_internal_response",
    1,
)
