"""Whether to try again: decided before anything is done, from what is known.

RFC 9110 9.2.2: a request is sent again by itself only if its method is idempotent, or if nothing of
it can have reached the service.  At most a fifth of the requests under way may be further tries,
and three always may (Envoy's budget): otherwise retries finish off a service that is struggling.
"""

from typing import Final

from tta_gateway.kernel.problem import OUT_OF_SOCKETS, UPSTREAM_GARBAGE, UPSTREAM_INCOMPLETE

# Something of an answer has come, or there is no sense in another try.
FINAL: Final = (UPSTREAM_GARBAGE, UPSTREAM_INCOMPLETE, OUT_OF_SOCKETS)
IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"QUERY"))
BUDGET_SHARE: Final = 0.2
BUDGET_LEAST: Final = 3


def may_repeat(method: bytes, *, reached: bool, body_held: bool) -> bool:
    """Tell whether the request may be sent once more.

    `reached` says that some of it may have reached the service, `body_held` that all of its body is
    still here.
    """
    if not body_held:
        return False
    return not reached or method in IDEMPOTENT


def within_budget(*, retrying: int, active: int) -> bool:
    """Tell whether one more retry fits beside those under way."""
    return retrying < max(BUDGET_LEAST, BUDGET_SHARE * active)
