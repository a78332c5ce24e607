"""A store of registrations in memory, with a clock that a test moves; it can be away."""

import asyncio
import itertools
from collections.abc import Iterable

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.registration.record import Registration
from tta_gateway.features.registration.store import Away, Looked
from tta_gateway.features.registration.valkey_store import SLACK
from tta_gateway.kernel.route import Endpoint

_numbers = itertools.count()


class RegisterStore:
    """Does what the port promises."""

    def __init__(self, clock: FakeClock) -> None:
        """Begin empty."""
        self.clock = clock
        self.away = False
        self.looks = 0
        self.nodes: set[str] = set()
        self.renew()

    def renew(self) -> None:
        """Be another store, which knows nothing."""
        self.epoch = f"store {next(_numbers)}"
        self.log: list[str] = []  # what each version has changed
        self.records: dict[str, tuple[Registration, float]] = {}
        self.votes: dict[str, set[str]] = {}

    @property
    def version(self) -> int:
        """How many changes there have been."""
        return len(self.log)

    def _changed(self, name: str) -> None:
        self.log.append(name)

    def _ask(self) -> None:
        if self.away:
            raise Away("it is away")

    async def put(self, one: Registration) -> None:
        """Keep it."""
        self._ask()
        await asyncio.sleep(0)
        before = self.records.get(one.name)
        if before is None or before[0] != one:
            self._changed(one.name)
        self.records[one.name] = one, self.clock.monotonic() + one.lease - SLACK
        if one.draining:
            self.votes.setdefault(one.name, set())
        else:
            self.votes.pop(one.name, None)

    async def read(self, name: str) -> Registration | None:
        """Return it."""
        self._ask()
        found = self.records.get(name)
        return None if found is None else found[0]

    async def drop(self, name: str) -> None:
        """Forget it."""
        self._ask()
        if self.records.pop(name, None) is not None:
            self._changed(name)

    async def look(self, known: Looked | None, *, node: str, idle: Iterable[str]) -> Looked:
        """Return what there is, or what of it has changed."""
        self._ask()
        self.looks += 1
        await asyncio.sleep(0)
        self.nodes.add(node)
        gone = [name for name, (_, end) in self.records.items() if end <= self.clock.monotonic()]
        for name in idle:
            if name in self.votes:
                self.votes[name].add(node)
                gone += [name] if self.votes[name] >= self.nodes else []
        for name in gone:
            await self.drop(name)
        if known is not None and known.epoch == self.epoch:
            names = self.log[known.version :]
            changed = {
                name: self.records[name][0] if name in self.records else None for name in names
            }
            return Looked(self.epoch, self.version, None, changed)
        found = tuple(one for one, _ in self.records.values())
        return Looked(self.epoch, self.version, found)


def a_registration(name: str = "players/a", *, port: int = 9001, **fields: object) -> Registration:
    """One, by the names of service and instance."""
    service, _, instance = name.partition("/")
    made = {"since": 1.0, "endpoint": Endpoint(host="127.0.0.1", port=port), **fields}
    return Registration(service=service, id=instance, **made)  # type: ignore[arg-type]  # a test's
