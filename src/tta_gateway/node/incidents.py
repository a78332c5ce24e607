"""Incidents: where people who take care of them, and the guard, meet in control."""

import asyncio
import base64
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from fastapi import HTTPException
from msgspec.structs import replace

from tta_gateway.features.access.algorithm import Book
from tta_gateway.features.access.bound import AccessBound, Held, section_of
from tta_gateway.features.access.policy import book_of
from tta_gateway.features.escalation.algorithm import Impossible
from tta_gateway.features.escalation.api import Answer, Who
from tta_gateway.features.escalation.bound import Bundle
from tta_gateway.features.escalation.register import Away
from tta_gateway.kernel.errors import ClientFault
from tta_gateway.kernel.principal import GATEWAY, Principal
from tta_gateway.node import guard_socket
from tta_gateway.node.drill_call import drilled
from tta_gateway.node.elsewhere import Elsewhere, is_own, refused
from tta_gateway.node.key_ring import ring_of
from tta_gateway.node.reporting import EVIDENCE
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import Parts, base_of, bound_of
from tta_gateway.support.clock import Clock
from tta_gateway.support.crypto.envelope import Envelope
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed
from tta_gateway.support.identifier import Identifiers
from tta_gateway.support.log import EventLog
from tta_gateway.support.sql.away import Unavailable

READS: Final = "crisis:read"
RESPONDS: Final = "crisis:respond"
ADMINISTRATION: Final = "administration"
"""What is kept of who has shown the token of the administration, which is nobody's own."""
_LOOKS: Final = 100
"""at whether the guard has opened an incident"""
_PAUSE: Final = 0.05  # seconds between two
_FORBIDDEN: Final = 403
_UNKNOWN: Final = 404
_AGAIN: Final = 503
_NOBODY: Final = (
    "This is shown to people alone: send the access token of somebody who may see what people "
    "have written."
)
_GONE: Final = "The guard does not answer: ask again; it goes on calling people all the same."


def is_program(principal: Principal) -> bool:
    """Tell whether nobody has logged in for a token: a client's own (RFC 9068 2.2), an API key.

    What another issuer does not say of a token of its own is not known here.
    """
    client = principal.claims.get("client_id") or principal.claims.get("azp")
    own = principal.subject.rpartition(":")[2]  # as its issuer says it
    if client in (principal.subject, own):
        return True
    return principal.issuer == GATEWAY and not (principal.session and principal.authenticated > 0)


def _again(told: Answer) -> dict[str, str] | None:
    """Return the fields of a refusal."""
    return {"retry-after": "1"} if told["error"]["status"] == _AGAIN else None


def _unable(step: str, why: str) -> Answer:
    """Return the refusal of a drill, which may be asked for again under its key."""
    return {"error": {"status": _AGAIN, "detail": f"The drill ends at the {step}: {why}."}}


def _everybody(_: str) -> bool:
    return True


def _travelling(bundle: Bundle, sealed: Envelope) -> Bundle:
    reports = [replace(one, evidence=sealed.travelling(one.evidence)) for one in bundle.reports]
    return replace(bundle, reports=tuple(reports))


class Incidents:
    """A House (features/escalation/api.py)."""

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        *,
        shown: Callable[[str | None], Principal],
        is_admin: Callable[[str], bool],
        known: Callable[[], Mapping[str, bytes]],
    ) -> None:
        """Begin without a configuration.

        `shown` returns whose access token it is, or raises ClientFault; `is_admin` tells whether
        it is the token of the administration; `known` are the live sections, with who cares for
        whom.
        """
        self._log = log
        self._wall = clock.wall
        self._ids = Identifiers(clock.wall)
        self._shown = shown
        self._is_admin = is_admin
        self._known = known
        self._book = Book({})
        self._snapshot: Snapshot | None = None
        self._ring: Ring | None = None
        self._is_told = False
        self._state = Path()
        self.elsewhere: Elsewhere | None = None
        """Knows the incidents of all nodes."""

    def is_shared(self) -> bool:
        """Tell whether other nodes may have incidents, in the same database."""
        database = None if self._snapshot is None else self._snapshot.database
        return database is not None and not database.is_sqlite

    def ring(self) -> Ring | None:
        """Return what seals in the database; None where each node has keys of its own.

        OSError if they cannot be had.
        """
        assert self._snapshot is not None  # it is asked for behind the first configuration
        if self.is_shared() and not self._snapshot.encryption_keys:
            return None
        if self._ring is None:
            self._ring = ring_of(self._snapshot)
        return self._ring

    async def of_guard(self, question: Mapping[str, object]) -> Answer:
        """Return what the guard answers, refusals too; OSError if it is not there."""
        return await guard_socket.asked(self._state, question)

    def travelling(self, bundles: Sequence[Bundle]) -> tuple[Bundle, ...]:
        """Return them so that other nodes can open what was written, if they have the same keys.

        Away where the keys cannot be read now: without them it would be carried for nobody.  It
        waits for the disk, and is for a thread.
        """
        if not any(one.evidence for bundle in bundles for one in bundle.reports):
            return tuple(bundles)
        assert self._snapshot is not None  # it is asked for behind the first configuration
        try:
            with contextlib.closing(KeyStore(self._state, ring_of(self._snapshot))) as keys:
                return tuple(_travelling(one, Envelope(keys)) for one in bundles)
        except OSError as error:
            raise Away("the keys of what people have written cannot be read") from error

    def adopt(self, parts: Parts) -> None:
        """Go by this configuration."""
        self._book = book_of(bound_of(parts, "access", AccessBound))
        self._snapshot, self._ring = base_of(parts), None
        if self.is_shared() and not self._snapshot.encryption_keys and not self._is_told:
            self._is_told = True
            self._log.event(
                "incidents_in_clear", advice="name the same `encryption: {keys: …}` at all nodes"
            )
        self._state = Path(self._snapshot.state_dir)

    # Who asks

    def reader(self, authorization: str | None) -> Who:
        """Return who shows this, and may see incidents."""
        return self._who(authorization, READS)

    def responder(self, authorization: str | None) -> Who:
        """Return who shows this, and may act."""
        return self._who(authorization, RESPONDS)

    def clinician(self, authorization: str | None) -> Who:
        """Return who shows this, and may read what was written."""
        return self.person(authorization, RESPONDS)

    def person(self, authorization: str | None, wanted: str) -> Who:
        """Return which person shows this and may do what is wanted; no program, no token alone."""
        if self._is_admin(authorization or ""):
            raise HTTPException(403, _NOBODY)
        if is_program(self._proved(authorization)):
            raise HTTPException(403, _NOBODY)
        return self._person(authorization, wanted)

    def anybody(self, authorization: str | None, wanted: str) -> Who:
        """Return who shows this and may do what is wanted: the administration, or somebody."""
        return self._who(authorization, wanted)

    def _who(self, authorization: str | None, wanted: str) -> Who:
        if self._is_admin(authorization or ""):
            return Who(ADMINISTRATION, _everybody)
        return self._person(authorization, wanted)

    def _person(self, authorization: str | None, wanted: str) -> Who:
        principal = self._proved(authorization)
        mask, demand = self._held(principal), self._book.demand(wanted)
        if mask & demand.any:
            return Who(principal.subject, _everybody)
        if not mask & demand.care:
            raise HTTPException(403, f"None of your roles holds `{wanted}`.")
        carer = principal.subject
        return Who(carer, lambda person: self._cares(carer, person))

    def _proved(self, authorization: str | None) -> Principal:
        try:
            return self._shown(authorization)
        except ClientFault as error:
            status = _FORBIDDEN if error.problem.status == _FORBIDDEN else 401
            fields = {"www-authenticate": "Bearer"} if status == 401 else None
            raise HTTPException(status, error.problem.title, fields) from None

    def _held(self, principal: Principal) -> int:
        mask = self._book.mask(principal.roles)
        if principal.is_narrow:
            mask &= self._book.scoped(principal.scopes)
        if principal.permitted:
            mask &= self._book.within(principal.permitted)
        return mask

    def _cares(self, carer: str, person: str) -> bool:
        """Tell whether somebody cares for a person, by the key of their principal."""
        raw = self._known().get(section_of(carer))
        subject = person.partition("/")[2]
        if raw is None or not subject:
            return False
        held = msgspec.msgpack.decode(raw, type=Held).until.get(carer, {})
        return self._wall() < held.get(subject, 0.0)

    # What they ask

    async def ask(self, question: Mapping[str, object]) -> Answer:
        """Return what the guard answers, or all nodes say; HTTPException where that is refused."""
        do = question["do"]
        if do == "list":
            told = await self._list(question)
        elif do in ("show", "act"):
            told = await self._about_one(question)
        elif do == "drill":
            told = await self._drill(question)
        else:
            told = await self._guard(question)
        if "error" in told:
            raise HTTPException(told["error"]["status"], told["error"]["detail"], _again(told))
        return told

    async def _guard(self, question: Mapping[str, object]) -> Answer:
        """Return what the guard answers; the refusal that stands for it where it is not there."""
        try:
            return await guard_socket.asked(self._state, question)
        except OSError:
            return {"error": {"status": 503, "detail": _GONE}}

    async def _drill(self, question: Mapping[str, object]) -> Answer:
        """Have a worker take a drill; return the incident that the guard makes of it."""
        drill = {name: one for name, one in question.items() if name != "do"}
        try:
            told = await drilled(self._state, drill)
        except OSError as error:
            return _unable("worker", str(error) or "it does not answer")
        if "failed" in told:
            return _unable(told["failed"]["step"], told["failed"]["why"])
        alone = {"do": "show", "incident": told["incident"], "alone": True}
        for _ in range(_LOOKS):
            made = await self._guard(alone)
            if "error" not in made:
                return {**made, "steps": told["steps"]}
            if made["error"]["status"] != _UNKNOWN:
                return _unable("guard", "it does not answer")
            await asyncio.sleep(_PAUSE)
        return _unable("guard", "it has not opened the incident yet: see its log")

    async def _list(self, question: Mapping[str, object]) -> Answer:
        """Return incidents of all nodes; those of this one where no others can be asked for."""
        if self.elsewhere is None:
            return await self._guard(question)
        told = await self._guard({**question, "skip": 0})
        try:
            return await self.elsewhere.list(question, told.get("incidents", ()))
        except (Away, Unavailable):
            return await self._guard(question)

    async def _about_one(self, question: Mapping[str, object]) -> Answer:
        """Ask the guard about its own incident, and all nodes about another."""
        alone = {"do": "show", "incident": question["incident"], "alone": True}
        here = await self._guard(alone)
        is_here = "error" not in here
        if self.elsewhere is None or (is_here and is_own(here["incident"])):
            return await self._guard(question)
        try:
            ask = self.elsewhere.show if question["do"] == "show" else self.elsewhere.act
            found = await ask(question)
        except (Away, Unavailable, Impossible) as error:
            return await self._without(question, here, error)
        if found is not None:
            return found
        return await self._guard(question) if is_here else here

    async def _without(
        self, question: Mapping[str, object], here: Answer, error: Exception
    ) -> Answer:
        """Return what is said where all nodes cannot be asked, or something cannot be done."""
        if isinstance(error, Impossible):
            return refused(error)
        if "error" not in here:
            return await self._guard(question)  # it is kept here, and carried later
        return refused(error) if self.is_shared() else here

    def opened(self, report: str, sealed: str) -> str | None:
        """Return what was written; None if nobody can read it any more."""
        assert self._snapshot is not None  # nobody has reached the administration before
        try:
            keys = KeyStore(self._state, ring_of(self._snapshot))
            data = Envelope(keys).open(base64.b64decode(sealed), purpose=EVIDENCE, about=report)
        except (Erased, NotSealed, OSError) as error:
            self._log.event("evidence_not_opened", report=report, error=type(error).__name__)
            return None
        return data.decode(errors="replace")

    def new_id(self) -> str:
        """Return an id that nothing else has."""
        return self._ids.uuid7().decode()
