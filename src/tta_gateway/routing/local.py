"""Routes that end here: redirects, fixed answers, and the word that a service is not there."""

import re
from dataclasses import replace
from typing import Final

from tta_gateway.kernel.exchange import Exchange
from tta_gateway.kernel.message import Response, answer_of
from tta_gateway.kernel.problem import SERVICE_MAINTENANCE, SERVICE_MISSING
from tta_gateway.kernel.route import Route
from tta_gateway.routing.template import parse, raw_values

_NAME: Final = re.compile(rb"\{([^{}:]*)(?::path)?\}")


def answer_locally(route: Route, exchange: Exchange) -> Response:
    """Return the answer of a route without a service, or whose service is being looked after."""
    if route.maintenance is not None:
        kind = replace(SERVICE_MAINTENANCE, retry_after=route.maintenance.retry_after)
        return answer_of(kind, route.maintenance.text)
    if route.redirect:
        return _redirect(route, exchange)
    respond = route.respond
    assert respond is not None  # settings: a route has a service, a redirect or an answer
    if respond.missing_service:
        detail = f"The service `{respond.missing_service}` is not part of this installation."
        return answer_of(SERVICE_MISSING, detail)
    content_type = respond.content_type.encode()
    return Response(respond.status, [(b"content-type", content_type)], respond.body.encode())


def _redirect(route: Route, exchange: Exchange) -> Response:
    """Send the client elsewhere; values stay encoded, so that none becomes a query or a host."""
    values = raw_values(parse(route.path), exchange.request.path)
    location = escaped(_NAME.sub(lambda match: values[match[1].decode()], route.redirect.encode()))
    if exchange.request.query is not None:
        location += b"?" + exchange.request.query
    return Response(route.redirect_status, [(b"location", location)])


def escaped(text: bytes) -> bytes:
    """Return the text as a URI reference: what could end or split a field is percent-encoded."""
    return b"".join(
        bytes((byte,)) if 0x21 <= byte <= 0x7E and byte not in b'"<>\\^`{|}' else b"%%%02X" % byte
        for byte in text
    )
