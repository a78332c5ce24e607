"""Carrying: what the guard keeps goes to the database, and what other nodes say comes back.

The guard has an outbox in its own file, and goes on whatever happens here: control asks for what is
in it, keeps that where all nodes read it, and tells the guard what has become of it.  Everything
has an id, so that whatever is carried twice comes to the same; the outbox keeps it until it is
kept.  Carrying is also this node's lease: when its guard, its control or the database is gone for
longer, another node goes on with its incidents (features/escalation/tenure.py).

A single node's database is opened with the first incident: SQLAlchemy costs forty megabytes.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tta_gateway.features.escalation.bound import Bundle, Outgoing, Settled, Yielded
from tta_gateway.features.escalation.register import Away, Heard, Register
from tta_gateway.node.banning import Cupboard
from tta_gateway.node.databases import Databases
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.log import EventLog
from tta_gateway.support.places import places
from tta_gateway.support.quiet import Quiet
from tta_gateway.support.sql.away import Unavailable

TICK: Final = 0.5  # seconds between two looks into the outbox
RENEWED: Final = 1.0  # seconds between two renewals of the lease, where others may be there
ALONE: Final = 30.0  # where there is nobody else
OPENS: Final = 10.0  # seconds that a database may take to be opened, before that is a failure
TIDIED: Final = 3600.0  # seconds between two looks at what has been kept for long enough
_QUIET: Final = 60.0  # seconds between two words that it fails
_pack: Final = msgspec.msgpack.Encoder().encode
_outgoing: Final = msgspec.msgpack.Decoder(Outgoing).decode
Ask = Callable[[Mapping[str, object]], Awaitable[dict[str, Any]]]
Travelling = Callable[[Sequence[Bundle]], tuple[Bundle, ...]]


class Outside:
    """The rest of control."""

    def __init__(self, log: EventLog, clock: Clock, is_shared: Callable[[], bool]) -> None:
        """Pass on to these; `is_shared` tells whether other nodes may be at the same database."""
        self.monotonic = clock.monotonic
        self.event = log.event
        self.is_shared = is_shared


class Carrying:
    """All of it in this process."""

    def __init__(
        self, outside: Outside, shelf: Cupboard[Register], *, ask: Ask, travelling: Travelling
    ) -> None:
        """`ask` asks the guard; `travelling`, in a thread, lets others read what people wrote."""
        self._outside = outside
        self._shelf = shelf
        self._ask = ask
        self._travelling = travelling
        self._quiet = Quiet(_QUIET)
        self._done = self._opened = self._tidied = float("-inf")
        self._seen = 0
        self._moved: object = None
        """What was carried last, and came back: the same once more is no reason to hurry."""
        self._refused: tuple[int, ...] = ()
        self._why = ""
        self.node = ""
        """By what name the guard's file is known to other nodes; empty until it has been asked."""

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Carry, for ever."""
        while True:
            await sleep(0.0 if await self.look() else TICK)

    async def look(self) -> bool:
        """Carry what there is; tell whether there is more."""
        try:
            outgoing = await self._asked()
            if not self._is_due(outgoing):
                return False
            return await self._carry(self._shelf.store(), outgoing)
        except (Away, Unavailable, OSError, msgspec.DecodeError) as error:
            if isinstance(error, Unavailable) and self._is_being_opened():
                return False
            self._complain("incidents_not_carried", type(error).__name__)
            return False

    def _is_being_opened(self) -> bool:
        return self._outside.monotonic() - self._opened < OPENS

    async def _asked(self) -> Outgoing:
        told = await self._ask({"do": "outbox", "whole": not self._seen and self._shelf.is_open})
        if "error" in told:
            raise Away(told["error"]["detail"])
        outgoing = _outgoing(base64.b64decode(told["outgoing"]))
        if outgoing.node != self.node:
            self.node, self._seen = outgoing.node, 0
        return outgoing

    def _is_due(self, outgoing: Outgoing) -> bool:
        if not self._shelf.is_open:
            if not outgoing.bundles:
                return False
            self._shelf.open()
            if (
                self._opened < 0.0
            ):  # it stays shut until it is open: that is asked for again and again
                self._opened = self._outside.monotonic()
        pause = RENEWED if self._outside.is_shared() else ALONE
        return bool(outgoing.bundles) or self._outside.monotonic() - self._done >= pause

    async def _carry(self, store: Register, outgoing: Outgoing) -> bool:
        if self._outside.is_shared():
            bundles = await self._with_keys(outgoing.bundles)
            outgoing = msgspec.structs.replace(outgoing, bundles=bundles)
        carried, heard = outgoing.bundles, Heard(number=0)
        try:
            heard = await store.carry(outgoing, seen=self._seen)
        except Away:
            raise
        except Exception as fault:  # noqa: BLE001 - one that makes no sense must not hold up others
            self._complain("incident_not_kept", type(fault).__name__, where=places(fault)[-1:])
            carried, heard = await self._one_by_one(store, outgoing)
        self._done = self._outside.monotonic()
        await self._settle(carried, heard)
        if self._done - self._tidied >= TIDIED:
            await self._tidy(store, outgoing.keep)
        said = tuple(msgspec.structs.replace(one, numbers=()) for one in carried)
        before, self._moved = self._moved, (said, tuple(heard.bundles))
        return bool(carried or heard.bundles) and self._moved != before

    async def _tidy(self, store: Register, keep: float) -> None:
        """Have deleted what is over for so long; how many they were is all that is told."""
        done = await store.tidy(keep)
        if done:
            self._outside.event("incidents_tidied", **done)
        else:
            self._tidied = self._done

    async def _with_keys(self, bundles: Sequence[Bundle]) -> tuple[Bundle, ...]:
        """Return them as other nodes can read them; none, for now, where the keys cannot be.

        The lease is renewed all the same: this node goes on calling about them.
        """
        try:
            return await asyncio.to_thread(self._travelling, bundles)
        except Away as error:
            cause = type(error.__cause__ or error).__name__
            self._complain("incidents_not_carried", cause, of="keys")
            return ()

    async def _one_by_one(
        self, store: Register, outgoing: Outgoing
    ) -> tuple[tuple[Bundle, ...], Heard]:
        """Carry each by itself; return those that could be, and what was heard of all of them.

        What is yielded is said once; all else is said again at the end.
        """
        done, yielded = list[Bundle](), list[Yielded]()
        refused = list[int]()
        for one in outgoing.bundles:
            alone = msgspec.structs.replace(outgoing, bundles=(one,), can_take=False)
            try:
                yielded += (await store.carry(alone, seen=self._seen)).yielded
            except Away:
                raise
            except Exception as fault:  # noqa: BLE001 - see above
                self._outside.event(
                    "incident_not_kept", error=type(fault).__name__, incident=one.incident.id
                )
                refused += one.numbers
                self._why = type(fault).__name__
            else:
                done.append(one)
        self._refused = tuple(refused)
        nothing = msgspec.structs.replace(outgoing, bundles=())
        heard = await store.carry(nothing, seen=self._seen)
        return tuple(done), msgspec.structs.replace(heard, yielded=(*yielded, *heard.yielded))

    async def _settle(self, carried: tuple[Bundle, ...], heard: Heard) -> None:
        """Tell the guard, an incident at a time; what it does not hear is told again."""
        for one in heard.bundles:
            await self._told(Settled(node=self.node, bundles=(one,)))
        settled = Settled(
            node=self.node,
            numbers=tuple(number for one in carried for number in one.numbers),
            yielded=tuple(heard.yielded),
            reports=tuple(heard.reports),
            acts=tuple(heard.acts),
            others=tuple(heard.others),
            whole=self._seen == 0,
            refused=self._refused,
            lost=tuple(heard.lost),
            why=self._why if self._refused else "",
        )
        self._refused = ()
        if settled != Settled(node=self.node):
            await self._told(settled)
        self._seen = heard.number

    async def _told(self, settled: Settled) -> None:
        body = base64.b64encode(_pack(settled)).decode()
        told = await self._ask({"do": "settle", "body": body})
        if "error" in told:
            raise Away(told["error"]["detail"])

    def _complain(self, event: str, error: str, **fields: object) -> None:
        if self._quiet.is_due(event, now=self._outside.monotonic()):
            self._outside.event(event, error=error, **fields)


def register_of(databases: Databases, ring: Callable[[], Ring | None]) -> Register:
    """Return where all nodes keep incidents, sealed by these keys; Unavailable."""
    _ = databases.database  # once it is there, all of SQLAlchemy has been imported aside
    from tta_gateway.features.escalation.sql_store import SqlStore

    return SqlStore(lambda: databases.database, ring=ring)
