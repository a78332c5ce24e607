"""Erasing: the keys of people, on this node, as the database says for all of them.

An erasure is a change that has been made (features/changes): the database holds it, the control of
each node looks there, and erases the key in its own state folder once, and the one in the database
with which incidents are sealed there.  A node that was away does so when it is back; what it brings
from before is not kept (features/escalation/sql_rows.py).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from fastapi import HTTPException

from tta_gateway.features.access.algorithm import Book
from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.access.policy import book_of
from tta_gateway.features.changes.algorithm import State
from tta_gateway.features.changes.store import Away, Change, ChangeStore
from tta_gateway.features.erasure.api import Erasure
from tta_gateway.features.escalation import register as escalation
from tta_gateway.features.escalation.register import Register
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
"""Seconds by which the clocks of nodes may differ."""
PATIENCE: Final = 5.0
"""Seconds for a database that is just being opened."""
_AGAIN: Final = 0.1  # seconds
_FORBIDDEN: Final = 403
_AWAY: Final = "The database cannot be asked at the moment: see `/admin/v1/node`, and ask again."
_TWO: Final = (
    "Here changes need two people (`access.two_person`): propose it as one of the kind "
    '`erasure`, `{"person": …}`, at `/admin/v1/changes`.'
)


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
        shown: Callable[[str | None], Principal],
        is_admin: Callable[[str], bool],
    ) -> None:
        """Begin without a configuration.

        `store` returns where changes are kept, `open` has the database opened, `is_there` tells
        whether it is; `register` returns where incidents of all nodes are; `shown` returns whose
        access token it is, or raises ClientFault.
        """
        self._log = log
        self._wall = clock.wall
        self._ids = Identifiers(clock.wall)
        self._open_store = store
        self._open = open
        self._is_there = is_there
        self._register = register
        self._shown = shown
        self._is_admin = is_admin
        self._store: ChangeStore[Transaction] | None = None
        self._snapshot: Snapshot | None = None
        self._book = Book({})
        self._is_two = False
        self._since = 0.0
        self._done: set[str] = set()
        self._failed: set[str] = set()

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
        return Erasure(
            id=one.id,
            person=_person(one),
            reason=one.reason,
            by=one.decided_by,
            at=one.decided,
            here=one.id in self._done,
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
        for one in found:
            if one.id in self._done:
                continue
            if await asyncio.to_thread(self._erase, one) and await self._erase_of_all(one):
                self._done.add(one.id)
                self._since = max(self._since, one.decided - OVERLAP)

    async def _erase_of_all(self, one: Change) -> bool:
        """Erase the key in the database, which the first node to come does for all."""
        try:
            await self._register().erase(_person(one), id=one.id, at=one.decided)
        except (escalation.Away, Unavailable) as error:
            self._complain(one, str(error))
            return False
        return True

    def _complain(self, one: Change, why: str) -> None:
        if one.id not in self._failed:
            self._failed.add(one.id)
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
            self._complain(one, str(error))
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
