"""The words of an error: its document and its fields, whoever answers it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tta_gateway.features.problem.body import Body
from tta_gateway.features.problem.bound import ProblemBound
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.problem import BARE, Problem

UNAUTHORIZED: Final = 401
_encode = msgspec.json.Encoder().encode


def document(
    kind: Problem,
    detail: str,
    *,
    request_id: str,
    bound: ProblemBound,
    members: Mapping[str, object] | None = None,
) -> bytes:
    """Return the document of an error (RFC 9457), with further members of its kind."""
    base = bound.base
    made = _encode(
        Body(
            type=base if base == "about:blank" else base + kind.code,
            title=kind.title,
            status=kind.status,
            detail=detail,
            code=kind.code,
            correlation_id=request_id,
            message=detail if bound.message else "",
        )
    )
    if not members:
        return made
    return made[:-1] + b"," + _encode(members)[1:]


def fields(kind: Problem) -> Fields:
    """Return the fields that go with it."""
    made = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    # RFC 9110 11.6.1: a 401 must say how to come in; RFC 6750 3.1: a 403 may, where there is a way.
    if kind.status == UNAUTHORIZED or kind.challenge != BARE:
        made.append((b"www-authenticate", kind.challenge.encode()))
    if kind.retry_after is not None:
        made.append((b"retry-after", b"%d" % kind.retry_after))
    if kind.proxy_error is not None:
        made.append((b"proxy-status", f"tta-gateway; error={kind.proxy_error}".encode()))
    return made
