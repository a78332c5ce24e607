"""A record: what is kept of one exchange, or of one act of safety in a socket."""

from typing import Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["error", "safety"]
PURPOSE: Final = "error record"
"""What records are sealed for; each is bound to its own id."""


class Try(msgspec.Struct, frozen=True):
    """A try at an endpoint: how it ended (`answered`, or the code of what went wrong), and when.

    `at` is in seconds since the exchange began.
    """

    endpoint: str
    outcome: str
    status: int
    at: float


class Broken(msgspec.Struct, frozen=True):
    """A fault of ours: the kind of exception, what it says, and where."""

    kind: str
    text: str
    where: tuple[str, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known; `at` is in seconds since the epoch.

    `person` is the key of who asked, empty where nobody knows; `acted` is what was done for
    somebody's safety.  `upstream_status` is what the service answered, 0 if nothing, and `body`
    the beginning of that, as it came; `withheld` is the beginning of what was not shown.
    """

    id: str
    at: float
    correlation: str
    kind: Kind
    trace: str = ""
    person: str = ""
    method: str = ""
    path: str = ""
    route: str = ""
    service: str = ""
    status: int = 0
    code: str = ""
    detail: str = ""
    took: float = 0.0
    tries: tuple[Try, ...] = ()
    upstream_status: int = 0
    body: bytes = b""
    withheld: str = ""
    acted: str = ""
    level: int = 0
    categories: tuple[str, ...] = ()
    broken: Broken | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is kept: what it is found by, and all else sealed."""

    id: str
    at: float
    correlation: str
    kind: Kind
    status: int
    code: str
    sealed: bytes = b""


def row_of(record: Record, sealed: bytes) -> Row:
    """Return what is kept of a record."""
    return Row(
        id=record.id,
        at=record.at,
        correlation=record.correlation,
        kind=record.kind,
        status=record.status,
        code=record.code,
        sealed=sealed,
    )


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody has read a record: who, when, and why."""

    record: str
    at: float
    by: str
    reason: str
