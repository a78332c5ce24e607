"""`/admin/v1/ratelimits`: which limits there are, and what is spent of them.

A limit is named by its `handle`, a bucket by the `limit` (an id of the list) and its `key`.
"""

from collections.abc import Callable
from typing import Annotated, Final, Protocol, TypeAlias

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from tta_gateway.features.ratelimit.bound import Limit, Override, Overrides, changed, short
from tta_gateway.features.ratelimit.store import Away, Settled
from tta_gateway.kernel.principal import GATEWAY

_AWAY: Final = "What is spent of limits cannot be asked: the store for state is away."
_MILLION: Final = 1_000_000_000
_YEAR: Final = 31_536_000.0  # seconds
Name: TypeAlias = Annotated[str, Query(min_length=1, max_length=1024)]
Keys: TypeAlias = Annotated[list[str], Query(max_length=5)]


class Events(Protocol):
    """Where it is written what was changed, as EventLog.event."""

    def __call__(self, name: str, **fields: object) -> None:
        """Write an event."""


class House(Protocol):
    """The limits of this node."""

    configured: tuple[Limit, ...]
    overrides: Overrides

    def wall(self) -> float:
        """Return the time of day."""

    def find(self, id: str) -> Limit | None:
        """Return the limit with this id."""

    def override_of(self, handle: str) -> Override | None:
        """Return what is said of a limit, and still so."""

    def override(self, handle: str, override: Override | None) -> None:
        """Have a limit be so from now on; None: as it is configured."""

    async def look(self, limit: Limit, key: str) -> Settled:
        """Return what all have spent of a bucket; Away."""

    async def reset(self, limit: Limit, key: str) -> None:
        """Have a bucket full again, at every worker of every node; Away."""


class NewOverride(BaseModel):
    """What a limit is to be instead; what is left out stays as configured.

    `lasts` is for how many seconds; left out, until it is taken back, or the gateway ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: Annotated[int, Field(ge=1, le=_MILLION)] | None = None
    per_seconds: Annotated[float, Field(gt=0, le=_YEAR)] | None = None
    burst: Annotated[int, Field(ge=1, le=_MILLION)] | None = None
    dry_run: bool | None = None
    lasts: Annotated[float, Field(gt=0, le=_YEAR)] | None = None


class LimitShown(BaseModel):
    """A limit: as it is in force, and whether that is as configured."""

    limit: str
    handle: str
    name: str
    of: str
    amount: int
    per_seconds: float
    burst: int
    quota: bool
    key: list[str]
    exact: bool
    dry_run: bool
    adaptive: bool
    overridden: bool
    overridden_until: float | None


class LimitsShown(BaseModel):
    """All limits of this node."""

    limits: list[LimitShown]


class BucketShown(BaseModel):
    """What is spent of a bucket: as the store knows it, a tenth of a second ago at most."""

    limit: str
    key: str
    spent: float
    left: int
    whole_in_seconds: float


def router(limits: House, *, log: Events, monotonic: Callable[[], float]) -> APIRouter:
    """Return the endpoints; who may ask is their assembly's to say."""
    desk = Desk(limits, log, monotonic)
    made = APIRouter(prefix="/admin/v1/ratelimits")
    made.add_api_route("", desk.limits, methods=["GET"])
    made.add_api_route("/override", desk.override, methods=["PUT"])
    made.add_api_route("/override", desk.take_back, methods=["DELETE"], status_code=204)
    made.add_api_route("/bucket", desk.bucket, methods=["GET"])
    made.add_api_route("/bucket", desk.reset, methods=["DELETE"], status_code=204)
    return made


class Desk:
    """Answers operators."""

    def __init__(self, limits: House, log: Events, monotonic: Callable[[], float]) -> None:
        """Answer from what is known of limits."""
        self._limits = limits
        self._log = log
        self._monotonic = monotonic

    async def limits(self) -> LimitsShown:
        """Show all limits as they are in force on this node."""
        return LimitsShown(limits=[self._shown(one) for one in self._limits.configured])

    async def override(self, handle: Name, body: NewOverride) -> LimitsShown:
        """Change a limit on this node at once, without the configuration: it outlives a reload."""
        found = self._named(handle)
        idle = [name for name in ("per_seconds", "burst") if getattr(body, name) is not None]
        if idle and found[0].of == "concurrent":
            raise HTTPException(422, f"`{idle[0]}` has no effect on what happens at the same time.")
        if "burst" in idle and found[0].quota:
            raise HTTPException(422, "`burst` has no effect on a quota.")
        until = 0.0 if body.lasts is None else self._limits.wall() + body.lasts
        made = Override(
            amount=body.amount,
            per=body.per_seconds,
            burst=body.burst,
            dry_run=body.dry_run,
            until=until,
        )
        for one in found:
            _enough(one, made)
        self._limits.override(handle, made)
        self._log("limit_overridden", limit=handle, **body.model_dump(exclude_none=True))
        return LimitsShown(limits=[self._shown(one) for one in self._named(handle)])

    async def take_back(self, handle: Name) -> None:
        """Have a limit be as it is configured again."""
        if self._limits.overrides.limits.get(handle) is None:
            raise HTTPException(404, f"Nothing is said of `{handle}` beyond the configuration.")
        self._limits.override(handle, None)
        self._log("limit_as_configured", limit=handle)

    async def bucket(self, limit: Name, key: Keys) -> BucketShown:
        """Show what somebody has spent; `key` is given once for each part of the limit's."""
        found = self._measured(limit)
        try:
            settled = await self._limits.look(found, key_of(found, key))
        except Away:
            raise HTTPException(503, _AWAY, {"retry-after": "2"}) from None
        figures = changed(found, self._limits.override_of(found.handle))
        if found.quota:
            return self._counted(figures, key, settled)
        left = max(0.0, settled.full - self._monotonic())
        spent = left * figures.amount / figures.per
        return BucketShown(
            limit=limit,
            key=" ".join(key),
            spent=round(spent, 3),
            left=max(0, int(figures.burst - spent + 1e-3)),
            whole_in_seconds=round(left, 3),
        )

    def _counted(self, limit: Limit, key: list[str], settled: Settled) -> BucketShown:
        return BucketShown(
            limit=limit.id,
            key=" ".join(key),
            spent=settled.full,
            left=max(0, limit.amount - int(settled.full)),
            whole_in_seconds=round(limit.per - self._limits.wall() % limit.per, 3),
        )

    async def reset(self, limit: Name, key: Keys) -> None:
        """Have somebody's bucket full again, on all nodes, as soon as they ask again."""
        found = self._measured(limit)
        try:
            await self._limits.reset(found, key_of(found, key))
        except Away:
            raise HTTPException(503, _AWAY, {"retry-after": "2"}) from None
        self._log("limit_reset", limit=limit)

    def _named(self, handle: str) -> list[Limit]:
        """Return the limits with a handle: several where there is one for each route."""
        found = [one for one in self._limits.configured if one.handle == handle]
        if not found:
            raise HTTPException(404, f"There is no limit `{handle}`: GET lists them.")
        return found

    def _measured(self, id: str) -> Limit:
        found = self._limits.find(id)
        if found is None:
            raise HTTPException(404, f"There is no limit `{id}`: GET lists them.")
        if found.of == "concurrent":
            raise HTTPException(409, "What happens at the same time is known to workers alone.")
        return found

    def _shown(self, limit: Limit) -> LimitShown:
        override = self._limits.override_of(limit.handle)
        now = changed(limit, override)
        return LimitShown(
            limit=now.id,
            handle=now.handle,
            name=now.name,
            of=now.of,
            amount=now.amount,
            per_seconds=now.per,
            burst=now.burst,
            quota=now.quota,
            key=[*now.key],
            exact=now.exact,
            dry_run=now.dry_run,
            adaptive=bool(now.adaptive),
            overridden=override is not None,
            overridden_until=None if override is None else override.until or None,
        )


def _enough(limit: Limit, override: Override) -> None:
    """Refuse (422) what would let nobody through."""
    lacking = short(limit, override)
    if lacking is not None:
        name, amount = lacking
        raise HTTPException(
            422,
            f"`{name}: {amount}` is less than one request takes of `{limit.id}`, whose `cost` is "
            f"{limit.cost}: nobody would get through. Write {limit.cost} at least; to keep "
            "everybody out there is `maintenance` of a route.",
        )


def key_of(limit: Limit, parts: list[str]) -> str:
    """Return the key of a bucket; 422 if it has another number of parts, or one is no name.

    A user is written `ISSUER/SUBJECT`; `@` and an address stands for whoever has not shown a name
    there.
    """
    if len(parts) != len(limit.key):
        wanted = " and ".join(limit.key) or "nothing"
        raise HTTPException(422, f"The key of `{limit.id}` is {wanted}: give `key` for each.")
    for part, one in zip(limit.key, parts, strict=True):
        if part == "user" and "/" not in one and not one.startswith("@"):
            raise HTTPException(
                422,
                f"`{one}` is a subject without its issuer: write `{GATEWAY}/{one}` for whoever has "
                "a token or a key of the gateway's own, else the issuer's name in the "
                "configuration in front, and `@` before an address.",
            )
    return "\x1f".join("\x00" + one[1:] if one.startswith("@") else one for one in parts)
