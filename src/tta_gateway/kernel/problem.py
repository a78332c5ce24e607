"""Problems: kinds of error that the gateway itself answers, and the spine's own, as values.

A problem is one kind of error (RFC 9457).  Codes are stable for ever and distinguish causes that
share a status.  `detail` says what to do about it.  `proxy_error` is the error type of RFC 9209 2.3
where one fits.  `closes` says that the connection cannot go on.  `challenge` is what a 401 says of
how to come in (RFC 9110 11.6.1), and others that have one of their own.  Features declare theirs.
"""

from dataclasses import dataclass
from typing import Final

BARE: Final = "Bearer"
"""What a 401 says where nothing is wrong with what was shown."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of error; whose fault it is stands in the status."""

    code: str
    status: int
    title: str
    detail: str
    proxy_error: str | None = None
    retry_after: int | None = None
    closes: bool = False
    challenge: str = BARE


MALFORMED: Final = Problem(
    "request_malformed",
    400,
    "The request is not well-formed HTTP.",
    "Send HTTP/1.1 as RFC 9112 has it: CRLF line ends, one Host, one way of framing the body.",
    closes=True,
)
HOST_INVALID: Final = Problem(
    "request_host_invalid",
    400,
    "The Host field is missing, repeated or not a valid authority.",
    "Send exactly one Host field: a name or address, and a port where it is not the default.",
    closes=True,
)
TARGET_INVALID: Final = Problem(
    "request_target_invalid",
    400,
    "The request target is not valid.",
    "Send an origin-form target (`/path?query`) with other characters percent-encoded.",
    closes=True,
)
FRAMING_INVALID: Final = Problem(
    "request_framing_invalid",
    400,
    "The length of the body is not stated in one clear way.",
    "Send one Content-Length, or `Transfer-Encoding: chunked` alone, and well-formed chunks.",
    closes=True,
)
VERSION_UNSUPPORTED: Final = Problem(
    "request_version_unsupported",
    505,
    "This HTTP version is not spoken here.",
    "Use HTTP/1.1.",
    closes=True,
)
METHOD_UNKNOWN: Final = Problem(
    "request_method_unknown",
    501,
    "The method is not known.",
    "Use a registered HTTP method, in upper case.",
    closes=True,
)
LINE_TOO_LONG: Final = Problem(
    "request_line_too_long",
    414,
    "The request line is too long.",
    "Shorten the path or the query, or send the data in a body.",
    closes=True,
)
FIELDS_TOO_LARGE: Final = Problem(
    "request_fields_too_large",
    431,
    "The header fields are too many or too large.",
    "Send fewer or shorter header fields; cookies are the usual cause.",
    closes=True,
)
EXPECTATION_UNKNOWN: Final = Problem(
    "request_expectation_unknown",
    417,
    "The expectation cannot be met.",
    "Send `Expect: 100-continue` or leave the field out.",
    closes=True,
)
BODY_TOO_LARGE: Final = Problem(
    "request_body_too_large",
    413,
    "The body is larger than this route takes.",
    "Send less, or in parts; the operator sets `max_body`.",
    closes=True,
)
REQUEST_TIMEOUT: Final = Problem(
    "request_timeout",
    408,
    "The request did not arrive in time.",
    "Send it again on a new connection.",
    closes=True,
)
CONNECTIONS_EXCEEDED: Final = Problem(
    "connections_exceeded",
    503,
    "Too many connections are open.",
    "Reuse connections, and try again shortly.",
    retry_after=1,
    closes=True,
)
TLS_REQUIRED: Final = Problem(
    "tls_required",
    400,
    "Plain HTTP is not spoken at this port.",
    "Write `https://`: what was sent has crossed the network unencrypted, and goes no further.",
    closes=True,
)
PATH_REFUSED: Final = Problem(
    "routing_path_refused",
    400,
    "The path is ambiguous.",
    "Leave out `//`, `..` above the root, backslashes, NUL, encoded slashes and `;` parameters.",
)
NOT_FOUND: Final = Problem(
    "routing_not_found",
    404,
    "No service of the platform answers this path.",
    "Check the path and the version in it.",
)
METHOD_NOT_ALLOWED: Final = Problem(
    "routing_method_not_allowed",
    405,
    "This path does not take this method.",
    "Use one of the methods in Allow.",
)
SERVICE_MISSING: Final = Problem(
    "routing_service_missing",
    503,
    "The service behind this path is not part of this installation.",
    "Nothing a client can do: the operator has not connected that service.",
    "destination_not_found",
    60,
)
SERVICE_MAINTENANCE: Final = Problem(
    "service_maintenance",
    503,
    "The service is being looked after.",
    "Try again when Retry-After says.",
    "destination_unavailable",
    300,
)
UPGRADE_BODY: Final = Problem(
    "request_upgrade_with_body",
    400,
    "A request to upgrade the connection may not carry a body.",
    "Send the upgrade as a GET without a body.",
    closes=True,
)
WEBSOCKET_REQUIRED: Final = Problem(
    "websocket_required",
    426,
    "This path is for WebSockets alone.",
    "Open a WebSocket here: GET with `Upgrade: websocket` and `Sec-WebSocket-Version: 13`.",
)
WEBSOCKET_MALFORMED: Final = Problem(
    "websocket_malformed",
    400,
    "The request to open a WebSocket is not well-formed.",
    "Send it as GET with one `Sec-WebSocket-Version: 13` and one `Sec-WebSocket-Key`: 16 bytes, "
    "in base64.",
)
OWN_UNAVAILABLE: Final = Problem(
    "gateway_service_unavailable",
    503,
    "The part of the gateway that answers this is not there.",
    "Try again shortly: it is being started anew. Everything else is served meanwhile.",
    "destination_unavailable",
    2,
)
REQUEST_INVALID: Final = Problem(
    "request_invalid",
    422,
    "The request is not what this endpoint takes.",
    "Send what `/api/v1/openapi.json` describes.",
)
UPSTREAM_UNAVAILABLE: Final = Problem(
    "upstream_unavailable",
    503,
    "The service has no endpoint to ask.",
    "Try again shortly.",
    "destination_unavailable",
    1,
)
BREAKER_OPEN: Final = Problem(
    "breaker_open",
    503,
    "The service fails too often to be asked.",
    "Try again when Retry-After says.",
    "destination_unavailable",
    10,
)
UPSTREAM_BUSY: Final = Problem(
    "upstream_limit_reached",
    503,
    "The service has as many requests as it may have.",
    "Try again shortly.",
    "connection_limit_reached",
    1,
)
UPSTREAM_REFUSED: Final = Problem(
    "upstream_connection_refused",
    502,
    "The service refuses connections.",
    "Try again; if it goes on, the service is down.",
    "connection_refused",
)
UPSTREAM_UNRESOLVED: Final = Problem(
    "upstream_name_unresolved",
    502,
    "The service's name has no address.",
    "Try again; if it goes on, the operator must mend the endpoint's name.",
    "dns_error",
)
UPSTREAM_CERTIFICATE: Final = Problem(
    "upstream_certificate_refused",
    502,
    "The service's certificate is not accepted.",
    "Nothing a client can do: the operator must mend the service's certificate, or `ca`.",
    "tls_certificate_error",
)
UPSTREAM_TLS: Final = Problem(
    "upstream_tls_failed",
    502,
    "No encrypted connection to the service came about.",
    "Try again; if it goes on, the operator must mend the service's TLS.",
    "tls_protocol_error",
)
UPSTREAM_RESET: Final = Problem(
    "upstream_connection_terminated",
    502,
    "The service closed the connection before it had answered.",
    "Try again if the request is safe to repeat: it may have been carried out.",
    "connection_terminated",
)
UPSTREAM_GARBAGE: Final = Problem(
    "upstream_answer_malformed",
    502,
    "The service's answer is not well-formed HTTP.",
    "Nothing a client can do; the request may have been carried out.",
    "http_protocol_error",
)
UPSTREAM_CONNECT_TIMEOUT: Final = Problem(
    "upstream_connect_timeout",
    504,
    "The service could not be reached in time.",
    "Try again shortly.",
    "connection_timeout",
)
UPSTREAM_FIRST_BYTE_TIMEOUT: Final = Problem(
    "upstream_first_byte_timeout",
    504,
    "The service did not begin to answer in time.",
    "Try again if the request is safe to repeat: it may have been carried out.",
    "http_response_timeout",
)
UPSTREAM_TOTAL_TIMEOUT: Final = Problem(
    "upstream_total_timeout",
    504,
    "The service did not answer within the route's time, all tries together.",
    "Try again if the request is safe to repeat: it may have been carried out.",
    "http_response_timeout",
)
OUT_OF_SOCKETS: Final = Problem(
    "out_of_sockets",
    503,
    "The gateway cannot open another connection.",
    "Try again shortly; the operator must raise the limit of open files.",
    "proxy_internal_response",
    1,
)
LOOP: Final = Problem(
    "request_loop",
    508,
    "The request has been here before.",
    "Nothing a client can do: the operator has made the gateway its own service.",
    "proxy_loop_detected",
)
UPSTREAM_STALLED: Final = Problem(
    "upstream_answer_stalled",
    504,
    "The service stopped in the middle of its answer.",
    "The answer was cut off; try again if the request is safe to repeat.",
    "http_response_timeout",
)
UPSTREAM_INCOMPLETE: Final = Problem(
    "upstream_answer_incomplete",
    502,
    "The service ended the connection in the middle of its answer.",
    "The answer was cut off; try again if the request is safe to repeat.",
    "http_response_incomplete",
)
INTERNAL: Final = Problem(
    "internal",
    500,
    "The gateway failed.",
    "Tell the operator the correlation id: the log says why.",
    "proxy_internal_error",
    closes=True,
)

SPINE: Final = tuple(value for value in list(globals().values()) if isinstance(value, Problem))
