"""What clients without a WebSocket are told, where it is not said in the protocol's own words."""

from typing import Final

from tta_gateway.kernel.problem import Problem

NO_COMMANDS: Final = Problem(
    "realtime_no_commands",
    400,
    "No session is begun: there is no command that connects.",
    "Send the connect command: in the body, or for server-sent events in the query (`cf_connect`).",
)
NOT_SENT: Final = Problem(
    "realtime_malformed",
    400,
    "This is not how commands of a session are sent.",
    "Send `session` and `node` of the answer to connect, and the commands as `data`: a text in "
    "JSON, or bytes in Protocol Buffers with `Content-Type: application/octet-stream`.",
)
TOO_LARGE: Final = Problem(
    "realtime_message_too_large",
    413,
    "These are larger commands than a client may send at once.",
    "Send less at once; the operator sets `realtime.connection.message`.",
)
NO_SESSION: Final = Problem(
    "realtime_session_unknown",
    404,
    "There is no such session.",
    "Connect again: the session has ended, or its worker has gone.",
)
UNREACHABLE: Final = Problem(
    "realtime_session_unreachable",
    503,
    "The worker that has this session cannot be reached.",
    "Connect again when Retry-After says; what was sent may have been carried out all the same.",
    retry_after=1,
)
