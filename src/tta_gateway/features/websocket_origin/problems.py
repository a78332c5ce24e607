"""Why a WebSocket is not opened, or a stream not begun."""

from typing import Final

from tta_gateway.kernel.problem import Problem

WEBSOCKET_ORIGIN_REFUSED: Final = Problem(
    "websocket_origin_refused",
    403,
    "A page of this origin may not open a WebSocket here.",
    "Open it from a page of the platform; the operator can allow more (`origins` of the route).",
    "http_request_denied",
)
STREAM_ORIGIN_REFUSED: Final = Problem(
    "stream_origin_refused",
    403,
    "A page of this origin may not connect here.",
    "Connect from a page of the platform; the operator can allow more (`cors.origins`).",
    "http_request_denied",
)
