"""Tenure: which of several nodes goes on with an incident; pure.

A node that tells of its incidents has a lease.  Once that has run out another one takes them over,
each by a token that is higher than any before it: what the first still says of an incident counts
no more, but for what people wrote and did.  While nothing can be asked everybody goes on with what
they have: people are rather called twice, by the same notice, than not at all.

What somebody writes at a second node is a *part* of their incident: that node goes on with it until
the first has taken up all of it.
"""

from typing import Final

import msgspec

from tta_gateway.features.escalation.algorithm import is_alarming, is_open
from tta_gateway.features.escalation.bound import Incident

LEASE: Final = 15.0
"""Seconds, by the clock of the database: longer than control needs to come back."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as all nodes know it.

    `held` is the token by which its owner has said that it has it; `is_open` is not so of a part
    that is taken up, nor of what is resolved.
    """

    incident: Incident
    owner: str
    token: int
    held: int
    part_of: str = ""
    is_open: bool = True

    @property
    def is_alarming(self) -> bool:
        """Tell whether people are still to be called."""
        return self.is_open and is_alarming(self.incident)

    @property
    def is_held(self) -> bool:
        """Tell whether its owner goes on with it, as far as there is anything to go on with."""
        return self.held == self.token or not self.is_open

    @property
    def is_main(self) -> bool:
        """Tell whether other reports of the person belong to it."""
        return self.is_open and not self.part_of


def told(before: Row | None, incident: Incident, node: str, other: str) -> Row | None:
    """Return an incident as a node tells of it; None: it is another's, by a newer token.

    `other` is an open one of the same person, which was there before.
    """
    if before is not None and (before.owner, before.token) != (node, incident.token):
        return None
    is_part = before is None or bool(before.part_of)
    return Row(
        incident=msgspec.structs.replace(incident, holder=""),
        owner=node,
        token=incident.token,
        held=incident.token,
        part_of=other if is_part else "",
        is_open=is_open(incident),
    )


def taken_over(row: Row, node: str) -> Row:
    """Return an incident that another node goes on with; it has to be told of that."""
    token = row.token + 1
    incident = msgspec.structs.replace(row.incident, token=token, part_of=row.part_of)
    return msgspec.structs.replace(row, incident=incident, owner=node, token=token)


def taken_up(row: Row) -> Row:
    """Return a part of which all is known to who has the whole."""
    return msgspec.structs.replace(row, is_open=False)


def by_itself(row: Row, other: str) -> Row:
    """Return a part whose whole is over: it belongs to the `other`, or to none."""
    return msgspec.structs.replace(row, part_of=other)
