"""`/admin/v1/error-records`: what happened behind an error, for those who may know.

Whoever may read records, and the administration, sees which there are.  What one holds is shown to
people alone, who say why; who has read it, and why, is kept with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeAlias

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tta_gateway.support.explanation import explained

Answer: TypeAlias = dict[str, Any]
Authorization: TypeAlias = Annotated[str | None, Header(include_in_schema=False)]
Correlation: TypeAlias = Annotated[str, Query(max_length=128)]
Skip: TypeAlias = Annotated[int, Query(ge=0, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: by what name that is kept, and of which people they may hear."""

    name: str
    sees: Callable[[str], bool]


class Archive(Protocol):
    """The records, and who may read them.  HTTPException says why somebody may not."""

    def reader(self, authorization: str | None) -> Reader:
        """Return who shows this, and may see which records there are."""

    def person(self, authorization: str | None) -> Reader:
        """Return which person shows this, and may read records."""

    def rows(self, correlation: str, skip: int) -> list[Answer]:
        """Return which records there are, the newest first; HTTPException if that fails."""

    def opened(self, id: str, reader: Reader, reason: str) -> Answer | None:
        """Return a record, once it is kept that it is read; None if there is none for them.

        HTTPException if it cannot be kept, or be read.
        """


class Reason(BaseModel):
    """Why somebody reads what happened to a person; it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, Field(max_length=2000), AfterValidator(explained)]


def router(archive: Archive) -> APIRouter:
    """Return the endpoints, which look for themselves who asks."""
    made = APIRouter(prefix="/admin/v1/error-records")

    @made.get("")
    async def records(
        correlation: Correlation = "", skip: Skip = 0, authorization: Authorization = None
    ) -> Answer:
        """List records behind the first `skip`, the newest first; of one `correlation` id only."""
        archive.reader(authorization)
        found = await run_in_threadpool(archive.rows, correlation, skip)
        return {"records": found}

    @made.post("/{id}/read")
    async def read(id: str, body: Reason, authorization: Authorization = None) -> Answer:
        """Read a record; who does, and why, is kept with it."""
        reader = archive.person(authorization)
        found = await run_in_threadpool(archive.opened, id, reader, body.reason)
        if found is None:
            raise HTTPException(404, "There is no such record.")
        return found

    return made
