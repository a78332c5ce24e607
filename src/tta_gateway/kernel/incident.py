"""What a worker tells the guard of somebody in need: a record of the journal."""

from collections.abc import Awaitable
from hashlib import blake2b
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from tta_gateway.kernel.verdict import HIGH, Category

Source: TypeAlias = Literal["request", "message", "reply", "moderation", "drill"]
Identity: TypeAlias = Literal["verified", "unverified", "unknown"]


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """One thing that somebody in need has written, or was about to be shown.

    `at` is in seconds since the epoch.  `person` is the key of the principal, or a pseudonym of the
    network where nobody knows who asks: reports of one person are one incident.  `evidence` is
    what they wrote, sealed by support/crypto and bound to `id`; empty where it is not kept.
    """

    id: str
    at: float
    person: str
    identity: Identity
    level: int
    categories: tuple[Category, ...]
    rules: tuple[str, ...]
    version: str
    source: Source
    route: str
    service: str
    correlation: str
    delivered: bool
    """Whether it went to the service, as far as that was known when this was told."""
    evidence: bytes = b""
    conversation: str = ""
    """What tells somebody of whom only the network is known from others there: a mark of the
    connection that they write through.  Empty where nothing does."""
    amends: str = ""
    """The id of an earlier report of the same message, where there is one: this one is right."""
    messages: int = 1
    """How many messages it tells of: several, where a minute had too many for a report each."""


def mark_of(network: str, through: str) -> str:
    """Return the mark of what somebody writes through; of nobody who has not the pseudonym."""
    return blake2b(through.encode(), key=network.encode()[:64], digest_size=6).hexdigest()


NETWORK: Final = "network"
"""Begins what stands for people of whom the network alone is known (node/scanning.py)."""


def whose_key(person: str) -> str:
    """Return by whose key something of a person is sealed: all of a network have one."""
    if not person.startswith(f"{NETWORK}/"):
        return person
    return "/".join(person.split("/")[:2])


def is_promised(report: Report) -> bool:
    """Tell whether a person may have been told that these words of theirs are kept.

    Nobody else has them: no service has heard them.
    """
    said = report.source in {"request", "message"}
    return said and not report.delivered and report.level >= HIGH and bool(report.evidence)


class Reports(Protocol):
    """Where a worker's reports become durable."""

    def put(self, report: Report, text: str) -> Awaitable[bool]:
        """Keep it, with what was written sealed as evidence; True once that is on the disk."""
