"""What the guard needs of the operator's policy, and what an incident is.  Times are in seconds."""

from enum import Enum
from typing import Final, Literal, TypeAlias

import msgspec

from tta_gateway.kernel.incident import Identity, Report
from tta_gateway.kernel.verdict import Category

MOST_TEXTS: Final = 20
"""texts of an incident that are kept for each level: of level 1 so many, of level 2 twice and of
level 3 three times as many, whatever their levels; further ones are counted.  What was promised to
the person is kept besides: workers bound that (features/safety/accounts.py)."""
_MINUTE: Final = 60.0
_DAY: Final = 24 * 3600.0
YEAR: Final = 366 * _DAY
"""Seconds, never less than a year has."""
LEAST_YEARS: Final = 6
"""for which what is over is kept (HIPAA, 45 CFR 164.316(b)(2)(i))"""
KEEP: Final = LEAST_YEARS * YEAR


class Hook(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    """A tool of people that takes notices as JSON; with a `secret` each call is signed."""

    name: str
    url: str
    ca: str = ""
    token: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        """Say which it is, and no secret."""
        return f"<webhook {self.name}>"


class Mailbox(msgspec.Struct, frozen=True, kw_only=True, tag="mail"):
    """Some mailboxes, by way of a server."""

    name: str
    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca: str = ""
    user: str = ""
    password: str = ""
    sender: str
    to: tuple[str, ...]

    def __repr__(self) -> str:
        """Say which it is, and no secret."""
        return f"<mail {self.name}>"


class Letters(msgspec.Struct, frozen=True, kw_only=True, tag="realtime"):
    """Users of the hub, who get a letter and acknowledge it by their client."""

    name: str
    users: tuple[str, ...]


class ServiceHook(msgspec.Struct, frozen=True, kw_only=True, tag="service"):
    """A service of the platform that takes notices as JSON; with a `secret` each call is signed."""

    name: str
    service: str
    path: str
    secret: str = ""

    def __repr__(self) -> str:
        """Say which it is, and no secret."""
        return f"<service {self.service} {self.path}>"


Contact: TypeAlias = Hook | Mailbox | Letters | ServiceHook
TOPIC: Final = "safety.*"
"""What services subscribe to that want to be told of people in need."""
_SUBSCRIBER: Final = f"{TOPIC} "


def subscriber(service: str, path: str, secret: str) -> ServiceHook:
    """Return a service that is told beside whomever a rung calls."""
    name = f"{_SUBSCRIBER}{service}{path}"
    return ServiceHook(name=name, service=service, path=path, secret=secret)


def is_subscriber(contact: str) -> bool:
    """Tell whether a contact is a service that has subscribed: nobody is reached by it alone."""
    return contact.startswith(_SUBSCRIBER)


class Rung(msgspec.Struct, frozen=True):
    """Who is told together, by the names of contacts, and how long they have to acknowledge."""

    contacts: tuple[str, ...]
    within: float


class Ladder(msgspec.Struct, frozen=True):
    """What is done about a level: rung after rung, then all of them again each `again`."""

    rungs: tuple[Rung, ...]
    again: float


def ladder_of(*within: float, contacts: tuple[str, ...] = ()) -> Ladder:
    """Return a ladder that calls the same people on each rung."""
    return Ladder(tuple(Rung(contacts, one) for one in within), within[-1])


LADDERS: Final[tuple[Ladder, ...]] = (
    ladder_of(_DAY),
    ladder_of(15 * _MINUTE, 15 * _MINUTE, 15 * _MINUTE),
    ladder_of(2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE),
)
"""Of the levels 1, 2 and 3, where the operator says nothing: the times, and nobody to call."""


class EscalationBound(msgspec.Struct, frozen=True, kw_only=True):
    """The policy; `node` is how notices name this machine, `link` where incidents are listed.

    `subscribers` are told by each call of each level, whomever else it goes to; `keep` is for how
    long what is over is kept.
    """

    node: str = ""
    link: str = ""
    contacts: tuple[Contact, ...] = ()
    subscribers: tuple[ServiceHook, ...] = ()
    ladders: tuple[Ladder, ...] = LADDERS
    keep: float = KEEP

    def ladder(self, level: int) -> Ladder:
        """Return what is done about a level."""
        return self.ladders[min(max(level, 1), len(self.ladders)) - 1]


class State(Enum):
    """What has become of an incident."""

    OPEN = "open"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    HANDED_OVER = "handed_over"
    RESOLVED = "resolved"
    REOPENED = "reopened"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in need, until people have taken care of them.

    `began` is when the present alarm began, `notified` when a channel confirmed for the first time
    since, `calls` how many calls it has made, `attempt` how many there were ever; `due` is when
    the next is made, 0 for never.  `carer` has it, once it is acknowledged or handed over.
    `texts` is how many of the `reports` have kept their evidence, `promised` how many of those no
    service has, and `undelivered` how many of the messages no service has got.

    Of several nodes one goes on with it: `token` counts who has had it (fencing), `holder` is who
    has it where that is not this one, and `part_of` the incident of the same person at another
    node that it belongs to.  `seen` is a sum over its reports, the same only for the same ones
    (algorithm.py, `mark`).  Of whom is `is_erased` nothing is kept once it is over.
    """

    id: str
    person: str
    identity: Identity
    drill: bool
    level: int
    categories: tuple[Category, ...]
    route: str
    service: str
    opened: float
    last: float
    state: State = State.OPEN
    began: float
    due: float
    calls: int = 0
    attempt: int = 0
    notified: float = 0.0
    acknowledged: float = 0.0
    carer: str = ""
    resolved: float = 0.0
    reports: int = 1
    texts: int = 0
    undelivered: int = 0
    promised: int = 0
    token: int = 1
    holder: str = ""
    part_of: str = ""
    seen: int = 0
    is_erased: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that is to go to some contacts; `id` is the same whenever it is sent again."""

    id: str
    incident: str
    contacts: tuple[str, ...]
    number: int
    at: float


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that one contact has not confirmed yet; `due` is when it is tried next."""

    call: str
    contact: str
    incident: str
    number: int
    level: int = 3
    tries: int = 0
    due: float = 0.0


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A notice as it is kept: `confirmed` is when its contact has confirmed it, 0 for not yet."""

    call: str
    contact: str
    number: int
    level: int
    confirmed: float


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that another node looks after, or did: see `is_open`."""

    id: str
    person: str
    level: int
    is_open: bool


Does: TypeAlias = Literal[
    "acknowledge", "hand_over", "note", "resolve", "reopen", "read_evidence", "drill"
]


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has done about an incident; `id` is the same whenever it is asked again.

    `to` is whom it is handed over to; `text` is a note, or the reason.  `level`, `seen` and `token`
    are those of the incident as whoever did it could know it; an older version says no `level`.
    """

    id: str
    incident: str
    does: Does
    by: str
    at: float
    to: str = ""
    text: str = ""
    level: int = 0
    seen: int = 0
    token: int = 0


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as it is, with what has come to it since it was carried last, or all of that.

    `numbers` are the places in the outbox (sqlite_store.py) that are done with it.
    """

    incident: Incident
    reports: tuple[Report, ...] = ()
    acts: tuple[Act, ...] = ()
    notices: tuple[Sent, ...] = ()
    numbers: tuple[int, ...] = ()


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard has to be carried; `can_take`: others' incidents would be kept on its disk.

    `keep` is for how long all that is over is kept.
    """

    node: str
    name: str
    can_take: bool
    bundles: tuple[Bundle, ...]
    keep: float = KEEP


class Yielded(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that another node goes on with.

    Without a `holder` this node goes on: it is told what the incident is a part of by now.
    """

    id: str
    holder: str
    part_of: str = ""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard is told in return: what has been kept, and what is for it to do.

    It takes `bundles` over; `reports` and `acts` came to other nodes and are about its incidents;
    of `others` it knows more, or nothing else where that is the `whole`.  What is `refused` nobody
    can keep, `why` by the name of an error: it waits for a change, or the next guard.  Incidents
    that are `lost` nobody looks after any more, and nobody can read: people are called about them.
    """

    node: str
    numbers: tuple[int, ...] = ()
    yielded: tuple[Yielded, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    reports: tuple[Report, ...] = ()
    acts: tuple[Act, ...] = ()
    others: tuple[Other, ...] = ()
    whole: bool = False
    refused: tuple[int, ...] = ()
    lost: tuple[str, ...] = ()
    why: str = ""
