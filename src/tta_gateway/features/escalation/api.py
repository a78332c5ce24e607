"""`/admin/v1/incidents`: who is in need, and what people do about it.

Everything is asked of the guard; what changes something has an id, the `Idempotency-Key` of who
asks or one of ours, so that it happens once however often it is asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypeAlias

from fastapi import APIRouter, Header, HTTPException, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tta_gateway.support.explanation import explained

Answer: TypeAlias = dict[str, Any]
Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]
Key: TypeAlias = Annotated[
    str | None, Header(alias="idempotency-key", pattern=r"^[\x21-\x7e]{1,128}$")
]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=2000)]
_PAGE: Final = 1000
_MOST_PAGES: Final = 20
_NONE: Final = "There is no such incident."


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: by what name that is kept, and of which people they may hear."""

    name: str
    sees: Callable[[str], bool]


class House(Protocol):
    """The guard, and who may ask it what.  HTTPException says why somebody may not."""

    def reader(self, authorization: str | None) -> Who:
        """Return who shows this, and may see incidents: the administration, or `crisis:read`."""

    def responder(self, authorization: str | None) -> Who:
        """Return who shows this, and may act: the administration, or `crisis:respond`."""

    def clinician(self, authorization: str | None) -> Who:
        """Return who shows this, and may read what was written: people with `crisis:respond`."""

    async def ask(self, question: Mapping[str, object]) -> Answer:
        """Return what the guard answers; HTTPException where it refuses, or is not there."""

    def opened(self, report: str, sealed: str) -> str | None:
        """Return what was written; None if nobody can read it any more."""

    def new_id(self) -> str:
        """Return an id that nothing else has."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Note(_Body):
    """What somebody has to say."""

    text: Text


class MayNote(_Body):
    """What somebody may say to what they do."""

    text: Annotated[str, Field(max_length=2000)] = ""


class HandOver(_Body):
    """Whom it is handed over to: a person, a team, a service outside."""

    to: Annotated[str, Field(min_length=1, max_length=256)]
    text: Annotated[str, Field(max_length=2000)] = ""


class Reason(_Body):
    """Why somebody reads what a person has written; it is kept."""

    reason: Annotated[str, Field(max_length=2000), AfterValidator(explained)]


class NewDrill(_Body):
    """An incident about nobody."""

    level: Annotated[int, Field(ge=1, le=3)] = 3


def router(house: House) -> APIRouter:
    """Return the endpoints, which look for themselves who asks."""
    desk, made = IncidentDesk(house), APIRouter(prefix="/admin/v1/incidents")
    made.add_api_route("", desk.all, methods=["GET"])
    made.add_api_route("/drills", desk.drill, methods=["POST"], status_code=201)
    made.add_api_route("/{id}", desk.one, methods=["GET"])
    made.add_api_route("/{id}/acknowledge", desk.acknowledge, methods=["POST"])
    made.add_api_route("/{id}/hand-over", desk.hand_over, methods=["POST"])
    made.add_api_route("/{id}/notes", desk.note, methods=["POST"])
    made.add_api_route("/{id}/resolve", desk.resolve, methods=["POST"])
    made.add_api_route("/{id}/reopen", desk.reopen, methods=["POST"])
    made.add_api_route("/{id}/evidence", desk.evidence, methods=["POST"])
    return made


class IncidentDesk:
    """Answers who takes care of people."""

    def __init__(self, house: House) -> None:
        """Answer from this."""
        self._house = house

    async def all(
        self,
        all: bool = False,
        skip: Annotated[int, Query(ge=0)] = 0,
        authorization: Authorization = None,
    ) -> Answer:
        """List incidents behind the first `skip`; with `all=true` those that are over too.

        Those of which people are still to be called come first, the most urgent before others, then
        the newest.  `next` is the `skip` of what follows, if anything does.
        """
        who = self._house.reader(authorization)
        found: list[Answer] = []
        for _ in range(_MOST_PAGES):  # whoever cares for some sees few of each page
            told = await self._house.ask({"do": "list", "all": all, "skip": skip, "most": _PAGE})
            page = told["incidents"]
            found += [one for one in page if who.sees(one["person"])]
            passed = told.get("passed", len(page))
            skip += passed
            if passed < _PAGE:
                return {"incidents": found, "next": None}
            if len(found) >= _PAGE:
                break
        return {"incidents": found, "next": skip}

    async def one(self, id: str, authorization: Authorization = None) -> Answer:
        """Show an incident with its reports, notices, and what people have done."""
        return await self._seen(id, self._house.reader(authorization), alone=False)

    async def drill(
        self, body: NewDrill | None = None, authorization: Authorization = None, key: Key = None
    ) -> Answer:
        """Open an incident about nobody, to see whether people are reached.

        A message comes to a worker as a client's does, in which the detector must find something;
        `steps` says how long each step took, until the guard has opened the incident.  A step that
        fails is named (503).
        """
        who = self._house.responder(authorization)
        level = (body or NewDrill()).level
        id = key or self._house.new_id()
        return await self._house.ask({"do": "drill", "id": id, "by": who.name, "level": level})

    async def acknowledge(
        self,
        id: str,
        body: MayNote | None = None,
        authorization: Authorization = None,
        key: Key = None,
    ) -> Answer:
        """Say that one has seen it and looks after the person: nobody else is called."""
        text = "" if body is None else body.text
        return await self._act(id, "acknowledge", authorization, key, text=text)

    async def hand_over(
        self, id: str, body: HandOver, authorization: Authorization = None, key: Key = None
    ) -> Answer:
        """Give it to somebody else, or to a service outside."""
        return await self._act(id, "hand_over", authorization, key, to=body.to, text=body.text)

    async def note(
        self, id: str, body: Note, authorization: Authorization = None, key: Key = None
    ) -> Answer:
        """Write down something about it."""
        return await self._act(id, "note", authorization, key, text=body.text)

    async def resolve(
        self, id: str, body: Note, authorization: Authorization = None, key: Key = None
    ) -> Answer:
        """Say that it is over, and how."""
        return await self._act(id, "resolve", authorization, key, text=body.text)

    async def reopen(
        self, id: str, body: Note, authorization: Authorization = None, key: Key = None
    ) -> Answer:
        """Have people called again, and say why."""
        return await self._act(id, "reopen", authorization, key, text=body.text)

    async def evidence(self, id: str, body: Reason, authorization: Authorization = None) -> Answer:
        """Read what the person has written; who does, and why, is kept with the incident.

        Each time anew: an `Idempotency-Key` changes nothing.
        """
        who = self._house.clinician(authorization)
        await self._seen(id, who)
        told = await self._house.ask(self._question(id, "read_evidence", who, None, body.reason))
        texts = [
            {"report": one["report"], "text": self._house.opened(one["report"], one["sealed"])}
            for one in told["evidence"]
        ]
        return {"incident": told["incident"], "texts": texts}

    async def _act(
        self,
        id: str,
        does: str,
        authorization: str | None,
        key: str | None,
        **more: str,
    ) -> Answer:
        who = self._house.responder(authorization)
        await self._seen(id, who)
        question = self._question(id, does, who, key, more.get("text", ""))
        return await self._house.ask({**question, **more})

    def _question(
        self, id: str, does: str, who: Who, key: str | None, text: str
    ) -> dict[str, object]:
        own = self._house.new_id() if key is None else f"{who.name} {does} {id} {key}"
        return {
            "do": "act",
            "id": own,
            "incident": id,
            "does": does,
            "by": who.name,
            "text": text,
        }

    async def _seen(self, id: str, who: Who, *, alone: bool = True) -> Answer:
        told = await self._house.ask({"do": "show", "incident": id, "alone": alone})
        if not who.sees(told["incident"]["person"]):
            raise HTTPException(404, _NONE)
        return told
