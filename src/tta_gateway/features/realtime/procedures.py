"""Procedures that clients call (RPC): the gateway's own by their names, all others by others."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias, TypeVar

import msgspec

from tta_gateway.features.realtime.codes import BAD_REQUEST, Refused
from tta_gateway.features.realtime.doorkeeper import Allowed, Caller, Procedures, Returned

Procedure: TypeAlias = Callable[[bytes, Caller], Returned | Awaitable[Returned]]
T = TypeVar("T")


class Named:
    """Procedures of our own, before those of others (the port Procedures)."""

    def __init__(self, own: Mapping[str, Procedure], others: Procedures) -> None:
        """Answer `own` by their names; what has none of these, and what is sent, is for others."""
        self._own: Final = dict(own)
        self._others: Final = others

    def call(self, method: str, data: bytes, caller: Caller) -> Returned | Awaitable[Returned]:
        """Return what a procedure returns."""
        found = self._own.get(method)
        return self._others.call(method, data, caller) if found is None else found(data, caller)

    def send(self, data: bytes, caller: Caller) -> Allowed | Awaitable[Allowed]:
        """Take what was sent."""
        return self._others.send(data, caller)


def understood(method: str, data: bytes, decode: Callable[[bytes], T]) -> T | Refused:
    """Return what a procedure is asked, or what is wrong with it: where, never what it said."""
    try:
        return decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        said = str(error) if isinstance(error, msgspec.MsgspecError) else "it is no JSON"
        return Refused(BAD_REQUEST.code, f"{BAD_REQUEST.message}: {method}: {said}")
