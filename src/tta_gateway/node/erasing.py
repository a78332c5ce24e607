"""Erasing: the keys of people, on this node, as the database says for all of them.

An erasure is a change that has been made (features/changes): the database holds it, the control of
each node looks there, and erases the key in its own state folder once, and the one in the database
with which incidents are sealed there.  A node that was away does so when it is back; what it brings
from before is not kept (features/escalation/sql_rows.py).

What stands in Valkey is deleted (node/forgetting.py), and workers end what is open of that person
(node/live_erasures.py), which needs neither Valkey nor anybody's tokens.  Each of the three is
tried at every look until it is done; until then the erasure says that it waits for it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec
from fastapi import HTTPException

from tta_gateway.features.access.algorithm import Book
from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.access.policy import book_of
from tta_gateway.features.changes.algorithm import State
from tta_gateway.features.changes.store import Away, Change, ChangeStore
from tta_gateway.features.erasure.api import Erasure, Part
from tta_gateway.features.erasure.bound import ERASED, Erased
from tta_gateway.features.escalation import register as escalation
from tta_gateway.features.escalation.register import Register
from tta_gateway.features.realtime.broker import Away as StoreAway
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.incident import NETWORK, whose_key
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.two_person import Prepared, Unfit
from tta_gateway.node.key_ring import ring_of
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, base_of, bound_of
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import EventLog
from tta_gateway.support.sql.away import Unavailable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    Transaction = AsyncConnection

T = TypeVar("T")
KIND: Final = "erasure"
"""The kind of change that erases a person's key."""
ERASES: Final = "people:erase"
ADMINISTRATION: Final = "administration"
"""What is kept of who has shown the token of the administration, which is nobody's own."""
MOST: Final = 200
"""erasures that are shown"""
PAUSE: Final = 2.0
"""Seconds between two looks at what others have decided."""
OVERLAP: Final = 86_400.0
"""Seconds by which the clocks of nodes may differ, and in which workers are told."""
PATIENCE: Final = 5.0
"""Seconds for a database that is just being opened."""
ALL: Final[tuple[Part, ...]] = ("keys", "database", "store")
"""What is done of an erasure, in this order."""
_AGAIN: Final = 0.1  # seconds
_FORBIDDEN: Final = 403
_AWAY: Final = "The database cannot be asked at the moment: see `/admin/v1/node`, and ask again."
_TWO: Final = (
    "Here changes need two people (`access.two_person`): propose it as one of the kind "
    '`erasure`, `{"person": …}`, at `/admin/v1/changes`.'
)


class Forgets(Protocol):
    """Who deletes what is kept of people in the store for state."""

    async def forget(self, person: str, *, id: str) -> bool:
        """Delete it; tell whether that is so for good, or ask again soon.  StoreAway."""
        ...


class Recent:
    """What workers are told, so that they end what is open of who has been erased."""

    def __init__(
        self, put: Callable[[str, msgspec.Struct | None], None], wall: Callable[[], float]
    ) -> None:
        """Tell them by live sections."""
        self._put = put
        self._wall = wall
        self._has_looked = False
        self._seen: set[str] = set()
        self._told: dict[str, tuple[str, float]] = {}
        """who, and until when, by the id of the erasure"""

    def tell(self, found: list[Change]) -> None:
        """Tell of those that were decided of late, or could not be seen before."""
        now = self._wall()
        for one in found:
            if one.id not in self._seen and (self._has_looked or one.decided > now - OVERLAP):
                self._told[one.id] = (_person(one), now + OVERLAP)
            self._seen.add(one.id)
        self._has_looked = True
        self._told = {id: told for id, told in self._told.items() if told[1] > now}
        people = {id: person for id, (person, _) in self._told.items()}
        self._put(ERASED, Erased(people=people) if people else None)


class Erasing:
    """A House (features/erasure/api.py), and a Kind (kernel/two_person.py)."""

    def __init__(  # noqa: PLR0913 - where it meets control, each by its name
        self,
        log: EventLog,
        clock: Clock,
        *,
        store: "Callable[[], ChangeStore[Transaction]]",
        open: Callable[[], None],
        is_there: Callable[[], bool],
        register: Callable[[], Register],
        forgetting: Forgets,
        put: Callable[[str, msgspec.Struct | None], None],
        shown: Callable[[str | None], Principal],
        is_admin: Callable[[str], bool],
    ) -> None:
        """Begin without a configuration.

        `store` returns where changes are kept, `open` has the database opened, `is_there` tells
        whether it is; `register` returns where incidents of all nodes are; `put` tells workers, by
        live sections; `shown` returns whose access token it is, or raises ClientFault.
        """
        self._log = log
        self._wall = clock.wall
        self._ids = Identifiers(clock.wall)
        self._open_store = store
        self._open = open
        self._is_there = is_there
        self._register = register
        self._forgetting = forgetting
        self._recent = Recent(put, clock.wall)
        self._shown = shown
        self._is_admin = is_admin
        self._store: ChangeStore[Transaction] | None = None
        self._snapshot: Snapshot | None = None
        self._book = Book({})
        self._is_two = False
        self._since = 0.0
        self._done: set[str] = set()
        self._waits: dict[str, set[Part]] = {}
        """what is to be done yet, of those that have been looked at and are not done for good"""
        self._failed: set[tuple[str, Part]] = set()

    def adopt(self, parts: Parts) -> None:
        """Go by this configuration."""
        bound = bound_of(parts, "access", AccessBound)
        self._book, self._is_two = book_of(bound), bool(bound.two_person)
        self._snapshot = base_of(parts)

    # What is asked

    def eraser(self, authorization: str | None) -> str:
        """Return who shows this, and may have something erased."""
        if self._is_admin(authorization or ""):
            return ADMINISTRATION
        try:
            principal = self._shown(authorization)
        except ClientFault as error:
            status = _FORBIDDEN if error.problem.status == _FORBIDDEN else 401
            fields = {"www-authenticate": "Bearer"} if status == 401 else None
            raise HTTPException(status, error.problem.title, fields) from None
        mask, demand = self._book.mask(principal.roles), self._book.demand(ERASES)
        if not mask & demand.any:
            raise HTTPException(_FORBIDDEN, f"None of your roles holds `{ERASES}`.")
        return principal.subject

    async def erase(self, person: str, *, reason: str, by: str) -> Erasure:
        """Have the key of a person erased on every node; return once this one has."""
        if self._is_two:
            raise HTTPException(409, _TWO)
        now = self._wall()
        try:
            made = Change(
                id=self._ids.uuid7().decode(),
                kind=KIND,
                change=_written(person),
                summary=_summary(person),
                reason=reason,
                proposed_by=by,
                proposed=now,
                until=now,
                state=State.APPLIED,
                decided_by=by,
                decided=now,
            )
        except Unfit as error:
            raise HTTPException(422, str(error)) from None
        await self._asked(lambda store: store.propose(made))
        await self.look()
        return self._told(made)

    async def all(self) -> list[Erasure]:
        """Return those that were decided, the newest first."""
        found = await self._asked(lambda store: store.applied(KIND, 0.0))
        return [self._told(one) for one in reversed(found[-MOST:])]

    async def _asked(self, ask: "Callable[[ChangeStore[Transaction]], Awaitable[T]]") -> T:
        """Return what the store says; HTTPException unless it can be asked soon."""
        self._open()
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        return await ask(self._changes())
                    except Away:
                        await asyncio.sleep(_AGAIN)
        except TimeoutError:
            raise HTTPException(503, _AWAY, {"retry-after": "2"}) from None

    def _changes(self) -> "ChangeStore[Transaction]":
        if not self._is_there():
            raise Away("the database is not there")
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _told(self, one: Change) -> Erasure:
        left = () if one.id in self._done else self._waits.get(one.id, ALL)
        return Erasure(
            id=one.id,
            person=_person(one),
            reason=one.reason,
            by=one.decided_by,
            at=one.decided,
            here=not left,
            waits=tuple(part for part in ALL if part in left),
        )

    # A change that two people make

    async def prepare(self, asked: Mapping[str, object]) -> Prepared:
        """Return the change that is asked for: `{"person": "issuer/subject"}`; Unfit."""
        person = asked.get("person")
        if not isinstance(person, str) or asked.keys() - {"person"}:
            raise Unfit('Write the change as {"person": "issuer/subject"}, as incidents name it.')
        return Prepared(_written(person), _summary(person))

    async def apply(
        self,
        transaction: "Transaction",  # noqa: ARG002 - that it is made is all that is kept
        change: str,
        *,
        id: str,  # noqa: ARG002 - likewise
        by: str,
        now: float,  # noqa: ARG002 - likewise
    ) -> None:
        """Look whether it may be made; each node erases when it reads that it is."""
        if json.loads(change)["person"].rpartition("/")[2] == by.rpartition(":")[2]:
            raise Unfit("It would be your own key: somebody else decides.")

    async def applied(self) -> None:
        """Erase here at once."""
        await self.look()

    # What each node does

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look, for ever, at what was decided anywhere."""
        while True:
            await self.look()
            await sleep(PAUSE)

    async def look(self) -> None:
        """Erase what was decided and is not done here; what fails is tried at the next look."""
        try:
            found = await self._changes().applied(KIND, self._since)
        except Away:
            return
        self._recent.tell(found)
        undone = [one for one in found if one.id not in self._done]
        for one in undone:
            await self._erase_keys(one)
        for one in undone:
            if not await self._forget(one):
                break  # the store is away for all of them
        self._look_on_from(found)

    def _look_on_from(self, found: list[Change]) -> None:
        """Look next time at what may be new, and at what is not done."""
        if found:
            since = min((one.decided for one in found if one.id not in self._done), default=inf)
            self._since = max(self._since, min(since, found[-1].decided) - OVERLAP)

    async def _erase_keys(self, one: Change) -> None:
        """Erase the key of this node, and then the one that all have."""
        waits = self._waits.setdefault(one.id, set(ALL))
        if "keys" in waits and await asyncio.to_thread(self._erase, one):
            waits.discard("keys")
        if "keys" not in waits and "database" in waits and await self._erase_of_all(one):
            waits.discard("database")

    async def _forget(self, one: Change) -> bool:
        """Have it deleted from the store; False if that is away."""
        waits = self._waits.setdefault(one.id, set())
        try:
            is_settled = await self._forgetting.forget(_person(one), id=one.id)
        except StoreAway as away:
            self._complain(one, "store", f"the store for state: {away.reason}")
            return False
        waits.discard("store")
        if is_settled and not waits:
            self._done.add(one.id)
            self._waits.pop(one.id, None)
        return True

    async def _erase_of_all(self, one: Change) -> bool:
        """Erase the key in the database, which the first node to come does for all."""
        try:
            await self._register().erase(_person(one), id=one.id, at=one.decided)
        except (escalation.Away, Unavailable) as error:
            self._complain(one, "database", str(error))
            return False
        return True

    def _complain(self, one: Change, part: Part, why: str) -> None:
        if (one.id, part) not in self._failed:
            self._failed.add((one.id, part))
            self._log.event("person_not_erased", id=one.id, error=why)

    def _erase(self, one: Change) -> bool:
        """Erase a key in the state folder, once for each change; False if it cannot be now."""
        assert self._snapshot is not None  # there is a configuration before anybody looks
        try:
            store = KeyStore(Path(self._snapshot.state_dir), ring_of(self._snapshot))
            try:
                was_there = store.erase(_person(one), once=one.id)
            finally:
                store.close()
        except OSError as error:
            self._complain(one, "keys", str(error))
            return False
        if was_there:
            self._log.event("person_erased", id=one.id, by=one.decided_by)
        return True


def _person(one: Change) -> str:
    person = json.loads(one.change)["person"]
    assert isinstance(person, str)  # see _written
    return person


def _written(person: str) -> str:
    """Return the change in JSON; of somebody known by their network, all of it has one key."""
    issuer, _, subject = person.partition("/")  # a subject may be an address, and hold more
    if not issuer or not subject or (issuer == NETWORK and subject.startswith("/")):
        raise Unfit("A person is named as incidents name them: `issuer/subject`.")
    return json.dumps({"person": whose_key(person)})


def _summary(person: str) -> str:
    return f"erase what {person} has written"
