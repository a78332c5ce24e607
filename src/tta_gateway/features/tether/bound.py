"""What a worker needs of a tethered WebSocket, on one route."""

import msgspec

SOCKET = "tether"
"""The name under which routes lead here (Route.socket)."""

RESUME = "resume"
"""The parameter of the query that names a tether, by the token that its first event told."""
RECEIVED = "received"
"""The parameter beside it: how many messages of the service the client has received."""


class TetherBound(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is kept, and how much; times in seconds.

    Within `first_message` a client that has shown no token says one as its first message; 0: none
    need.  What belongs to a client that is away is kept for `resume`; a service that is away is
    looked for that long (`reattach`).  Each direction keeps at most `messages`, of `size` bytes
    together.  `session` is the parameter of the query by which a person's client comes back that
    has no resume token; empty: none does.  `events` says whether clients are told what happens.

    A socket is bound to the channel whose name is `channel`, and behind it what `parameter` of path
    or query says; where `channel` is empty, or that is, to none.  `serves`: what members of the
    channel publish goes to the service too.
    """

    first_message: float = 0.0
    resume: float = 60.0
    reattach: float = 20.0
    messages: int = 1000
    size: int = 256 * 1024
    session: str = "session_id"
    events: bool = True
    channel: str = ""
    parameter: str = ""
    serves: bool = False
