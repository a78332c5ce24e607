"""Changes: proposed by one, decided by another, and told of at each step."""

from collections.abc import Mapping
from typing import Final, Generic, Protocol, TypeVar

from tta_gateway.features.changes.algorithm import State, Step
from tta_gateway.features.changes.store import Away, Change, ChangeStore
from tta_gateway.kernel.two_person import Kind, Unfit

T = TypeVar("T")
_MOST: Final = 200  # changes that are shown


class Outside(Protocol):
    """The rest of control."""

    def wall(self) -> float:
        """Return the time of day."""

    def new_id(self) -> str:
        """Return an id that nothing else has."""

    def stepped(self, one: Change, step: str) -> None:
        """Hear what has become of a change."""


class Changes(Generic[T]):
    """Those of all kinds."""

    def __init__(
        self, store: ChangeStore[T], kinds: Mapping[str, Kind[T]], outside: Outside
    ) -> None:
        """Keep them there, and have these make them."""
        self._store = store
        self._kinds = kinds
        self._outside = outside
        self.lasting = 0.0
        """Seconds for which a change may be decided."""

    async def all(self) -> list[Change]:
        """Return the newest, those that are to be decided first; Away."""
        await self.expire()
        return await self._store.all(most=_MOST)

    async def propose(
        self, kind: str, asked: Mapping[str, object], *, reason: str, by: str
    ) -> Change:
        """Propose a change; Unfit or Away."""
        maker = self._kinds.get(kind)
        if maker is None:
            raise Unfit(f"There is no kind `{kind}`: {', '.join(sorted(self._kinds))}.")
        prepared = await maker.prepare(asked)
        now = self._outside.wall()
        one = Change(
            id=self._outside.new_id(),
            kind=kind,
            change=prepared.change,
            summary=prepared.summary,
            reason=reason,
            proposed_by=by,
            proposed=now,
            until=now + self.lasting,
        )
        await self._store.propose(one)
        self._outside.stepped(one, "propose")
        return one

    async def take(self, id: str, step: Step, *, by: str, note: str = "") -> Change:
        """Take a step; Unknown, Over, NotTheirs, Unfit or Away say why not."""
        await self.expire()
        made = await self._store.take(
            id, step, by=by, now=self._outside.wall(), note=note, apply=self._apply
        )
        self._outside.stepped(made, step.value)
        if made.state is State.APPLIED:
            await self._kinds[made.kind].applied()
        return made

    async def _apply(self, transaction: T, one: Change) -> None:
        maker = self._kinds.get(one.kind)
        if maker is None:
            raise Unfit(f"This version of the gateway knows no change of the kind `{one.kind}`.")
        await maker.apply(transaction, one.change, id=one.id, by=one.decided_by, now=one.decided)

    async def expire(self) -> None:
        """Have what nobody has decided in time be expired; Away."""
        for one in await self._store.expire(self._outside.wall()):
            self._outside.stepped(one, Step.EXPIRE.value)

    async def tick(self) -> None:
        """Do that now and then; while the store is away nothing expires, nor is decided."""
        try:
            await self.expire()
        except Away:
            return
