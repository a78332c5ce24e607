"""The document that an error of the gateway is."""

import msgspec


class Body(msgspec.Struct, omit_defaults=True):
    """The members of a problem document (RFC 9457 3.1) and ours."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    correlation_id: str
    message: str = ""
