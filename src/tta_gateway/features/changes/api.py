"""`/admin/v1/changes`: what one person proposes and another decides."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.changes.algorithm import Over, State, Step
from tta_gateway.features.changes.store import Away, Change, NotTheirs, Unknown
from tta_gateway.kernel.two_person import Unfit
from tta_gateway.support.explanation import Explanation

_AWAY: Final = "The database cannot be asked at the moment: see `/admin/v1/node`."
Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]
Text: TypeAlias = Annotated[str, Field(max_length=1000)]


class Changes(Protocol):
    """What is kept."""

    async def all(self) -> list[Change]:
        """Return the newest, those that are to be decided first; Away."""

    async def propose(
        self, kind: str, asked: Mapping[str, object], *, reason: str, by: str
    ) -> Change:
        """Propose a change; Unfit or Away."""

    async def take(self, id: str, step: Step, *, by: str, note: str = "") -> Change:
        """Take a step; Unknown, Over, NotTheirs, Unfit or Away say why not."""


class House(Protocol):
    """Where they are kept, and who asks.  HTTPException says why somebody may not."""

    @property
    def changes(self) -> Changes:
        """Return what is kept; HTTPException where nothing is."""

    def reader(self, authorization: str | None) -> None:
        """Look whether who shows this may see them: the administration, or who decides."""

    def proposer(self, authorization: str | None) -> str:
        """Return the subject of a person who may propose."""

    def decider(self, authorization: str | None) -> str:
        """Return the subject of a person who may decide."""


class Proposal(BaseModel):
    """A change of some kind, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    change: dict[str, object]
    reason: Explanation


class Decision(BaseModel):
    """What somebody says to what they decide."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: Text = ""


class ChangeShown(BaseModel):
    """A change: what, why, by whom, until when it may be decided, and what has become of it."""

    id: str
    kind: str
    summary: str
    reason: str
    state: str
    proposed_by: str
    proposed: str
    until: str
    decided_by: str
    decided: str | None
    note: str


class ChangesShown(BaseModel):
    """The newest, those that are to be decided first."""

    changes: list[ChangeShown]


def router(house: House) -> APIRouter:
    """Return the endpoints, which look for themselves who asks."""
    desk, made = Desk(house), APIRouter(prefix="/admin/v1")
    made.add_api_route("/changes", desk.all, methods=["GET"])
    made.add_api_route("/changes", desk.propose, methods=["POST"], status_code=201)
    made.add_api_route("/changes/{id}/approve", desk.approve, methods=["POST"])
    made.add_api_route("/changes/{id}/reject", desk.reject, methods=["POST"])
    made.add_api_route("/changes/{id}/withdraw", desk.withdraw, methods=["POST"])
    return made


@contextmanager
def _worded() -> Iterator[None]:
    """Word what keeps something from being done."""
    try:
        yield
    except Unfit as error:
        raise HTTPException(422, str(error)) from None
    except Unknown:
        raise HTTPException(404, "There is no such change.") from None
    except Over as error:
        raise HTTPException(409, f"It is {error} already: nothing becomes of it.") from None
    except NotTheirs as error:
        raise HTTPException(403, str(error)) from None
    except Away:
        raise HTTPException(503, _AWAY, {"retry-after": "2"}) from None


class Desk:
    """Answers the two."""

    def __init__(self, house: House) -> None:
        """Answer from this."""
        self._house = house

    async def all(self, authorization: Authorization = None) -> ChangesShown:
        """List changes that two people make: first those that are to be decided."""
        self._house.reader(authorization)
        with _worded():
            return ChangesShown(changes=list(map(shown, await self._house.changes.all())))

    async def propose(self, body: Proposal, authorization: Authorization = None) -> ChangeShown:
        """Propose a change, with an access token that holds `changes:propose`, and say why."""
        by = self._house.proposer(authorization)
        with _worded():
            made = await self._house.changes.propose(
                body.kind, body.change, reason=body.reason, by=by
            )
        return shown(made)

    async def approve(
        self, id: str, body: Decision | None = None, authorization: Authorization = None
    ) -> ChangeShown:
        """Approve what somebody else has proposed, with `changes:approve`; it is made then."""
        return await self._decide(id, Step.APPROVE, body, self._house.decider(authorization))

    async def reject(
        self, id: str, body: Decision | None = None, authorization: Authorization = None
    ) -> ChangeShown:
        """Reject what somebody else has proposed, with `changes:approve`."""
        return await self._decide(id, Step.REJECT, body, self._house.decider(authorization))

    async def withdraw(
        self, id: str, body: Decision | None = None, authorization: Authorization = None
    ) -> ChangeShown:
        """Withdraw what who asks has proposed."""
        return await self._decide(id, Step.WITHDRAW, body, self._house.proposer(authorization))

    async def _decide(self, id: str, step: Step, body: Decision | None, by: str) -> ChangeShown:
        with _worded():
            note = "" if body is None else body.note
            return shown(await self._house.changes.take(id, step, by=by, note=note))


def shown(one: Change) -> ChangeShown:
    """Return a change as it is shown."""
    is_open = one.state is State.PROPOSED
    return ChangeShown(
        id=one.id,
        kind=one.kind,
        summary=one.summary,
        reason=one.reason,
        state=one.state.value,
        proposed_by=one.proposed_by,
        proposed=_time(one.proposed),
        until=_time(one.until),
        decided_by=one.decided_by,
        decided=None if is_open else _time(one.decided),
        note=one.note,
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
