"""Changing: where changes that two people make meet the rest of control."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException

from tta_gateway.features.access.algorithm import Book
from tta_gateway.features.access.bound import AccessBound
from tta_gateway.features.access.policy import book_of
from tta_gateway.features.changes.algorithm import is_same
from tta_gateway.features.changes.service import Changes
from tta_gateway.features.changes.store import Change, ChangeStore
from tta_gateway.features.identity.accounts import Accounts, Wrong
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.events import ChangeStepped
from tta_gateway.kernel.principal import Principal
from tta_gateway.kernel.two_person import Kind, Prepared, Unfit
from tta_gateway.snapshot.parts import Parts, bound_of
from tta_gateway.support.bus import Bus
from tta_gateway.support.clock import Clock
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import EventLog

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    Transaction = AsyncConnection
    from tta_gateway.node.issuing import Issuance

ROLES: Final = "roles"
"""The kind of change that grants roles to a user."""
PROPOSES: Final = "changes:propose"
APPROVES: Final = "changes:approve"
_FORBIDDEN: Final = 403
_TICK: Final = 5.0  # seconds between two looks at what has expired
_OFF: Final = "No change needs two people: `access: {two_person: […]}` says for which roles."
_NOBODY: Final = (
    "Show the access token of a person: the token of the administration is nobody's own, and two "
    "who share it would be one."
)
_PERSON: Final = (
    "Show the access token of a person who has logged in at the gateway itself: programs and their "
    "keys are nobody's own, and of whom another issuer speaks the gateway cannot tell."
)


class Granting:
    """Grants roles to users."""

    def __init__(self, issuance: "Issuance") -> None:
        """Grant them there."""
        self._issuance = issuance

    async def prepare(self, asked: Mapping[str, object]) -> Prepared:
        """Return the change that is asked for: `{"user": …, "grant": […]}`; Unfit."""
        user, grant = asked.get("user"), asked.get("grant")
        roles = [one for one in grant if isinstance(one, str)] if isinstance(grant, list) else []
        if not isinstance(user, str) or not roles or asked.keys() - {"user", "grant"}:
            raise Unfit('Write the change as {"user": "ada", "grant": ["therapist"]}.')
        try:
            found = await self._accounts().grantable(user, roles)
        except Wrong as error:
            raise Unfit(str(error)) from None
        return Prepared(
            json.dumps({"user": found.id, "grant": sorted(roles)}),
            f"grant {', '.join(sorted(roles))} to {found.handle}",
        )

    async def apply(
        self, transaction: "Transaction", change: str, *, id: str, by: str, now: float
    ) -> None:
        """Grant them; Unfit where there is no such role any more, or they are the approver's."""
        from tta_gateway.features.identity.sql_users import change_roles

        told = json.loads(change)
        if is_same(by, told["user"]):
            raise Unfit("These would be your own roles: somebody else decides.")
        known = self._issuance.roles()
        for role in told["grant"]:
            if role not in known:
                raise Unfit(f"There is no role `{role}` any more: reject the change.")
        await change_roles(
            transaction,
            told["user"],
            grant=told["grant"],
            revoke=(),
            by=f"change:{id}",
            times=(now, now + self._issuance.lasting()),
        )

    async def applied(self) -> None:
        """Have every node know that tokens from before count no more."""
        await self._issuance.reveal()

    def _accounts(self) -> Accounts:
        accounts = self._issuance.accounts
        if accounts is None:
            raise Unfit("The gateway keeps no users, or control has only just begun.")
        return accounts


class Outside:
    """The rest of control, as changes see it."""

    def __init__(self, bus: Bus, log: EventLog, clock: Clock) -> None:
        """Pass on to these."""
        self._bus = bus
        self._log = log
        self._ids = Identifiers(clock.wall)
        self.wall = clock.wall

    def new_id(self) -> str:
        """Return an id that nothing else has."""
        return self._ids.uuid7().decode()

    def stepped(self, one: Change, step: str) -> None:
        """Tell what has become of a change."""
        by = one.proposed_by if step == "propose" else one.decided_by
        self._log.event("change_stepped", id=one.id, kind=one.kind, step=step, by=by)
        self._bus.publish(
            ChangeStepped(
                id=one.id,
                kind=one.kind,
                step=step,
                summary=one.summary,
                proposed_by=one.proposed_by,
                by=by,
                at=self.wall(),
            )
        )


class Changing:
    """All of it in this process; nothing where no change needs two people."""

    def __init__(
        self,
        outside: Outside,
        *,
        store: Callable[[], "ChangeStore[Transaction]"],
        kinds: "Mapping[str, Kind[Transaction]]",
        shown: Callable[[str | None], Principal],
        is_admin: Callable[[str], bool],
    ) -> None:
        """Begin without a configuration.

        `store` returns where they are kept, once that is needed; `shown` which person's access
        token it is, or raises ClientFault; `is_admin` tells whether the token of the
        administration is shown.
        """
        self._outside = outside
        self._store = store
        self._kinds = kinds
        self._shown = shown
        self._is_admin = is_admin
        self._changes: Changes[Transaction] | None = None
        self._book = Book({})
        self.two_person: tuple[str, ...] = ()

    def adopt(self, parts: Parts) -> None:
        """Go by this configuration."""
        bound = bound_of(parts, "access", AccessBound)
        self._book = book_of(bound)
        self.two_person = bound.two_person
        if self.two_person and self._changes is None:
            self._changes = Changes(self._store(), self._kinds, self._outside)
        if self._changes is not None:
            self._changes.lasting = bound.within

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Have what nobody decides expire, for ever."""
        while True:
            if self._changes is not None and self.two_person:
                await self._changes.tick()
            await sleep(_TICK)

    @property
    def changes(self) -> "Changes[Transaction]":
        """Return what is kept; HTTPException where nothing is."""
        if self._changes is None or not self.two_person:
            raise HTTPException(409, _OFF)
        return self._changes

    def reader(self, authorization: str | None) -> None:
        """Look whether who shows this may see them: the administration, or who decides."""
        if not self._is_admin(authorization or ""):
            self._person(authorization, PROPOSES, APPROVES)

    def proposer(self, authorization: str | None) -> str:
        """Return the subject of a person who may propose."""
        return self._person(authorization, PROPOSES)

    def decider(self, authorization: str | None) -> str:
        """Return the subject of a person who may decide."""
        return self._person(authorization, APPROVES)

    def _person(self, authorization: str | None, *wanted: str) -> str:
        if self._is_admin(authorization or ""):
            raise HTTPException(403, _NOBODY)
        try:
            principal = self._shown(authorization)
        except ClientFault as error:
            if error.problem.status == _FORBIDDEN:
                raise HTTPException(403, f"{error.problem.title} {_PERSON}") from None
            challenge = {"www-authenticate": "Bearer"}
            raise HTTPException(401, f"{error.problem.title} {_NOBODY}", challenge) from None
        mask = self._book.mask(principal.roles)
        demands = (self._book.demand(one) for one in wanted)
        if not any(mask & (one.own | one.any) for one in demands):
            raise HTTPException(403, f"None of your roles holds `{wanted[0]}`.")
        return principal.subject
