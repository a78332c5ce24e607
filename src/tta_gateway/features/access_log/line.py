"""A line of the access log: its fields, in the order in which they are written."""

import msgspec


class Line(msgspec.Struct, omit_defaults=True):
    """The fields of a line.  Durations are microseconds, sizes bytes of bodies.

    `shadow` is the code of a refusal that a rule in shadow mode would have made.
    """

    ts: str
    request_id: str
    trace_id: str
    client: str
    method: str
    path: str
    route: str
    status: int
    code: str
    sent: int
    received: int
    duration_us: int
    first_byte_us: int
    service: str
    endpoint: str
    tries: int
    shadow: str = ""
    traffic: str = msgspec.field(default="", name="class")
