"""Nodes that share a database: the desk of each guard, and what control carries; no processes."""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, cast

import msgspec

from tests.helpers.incidents import NOW, POLICY, RING, House
from tta_gateway.features.escalation.algorithm import Impossible
from tta_gateway.features.escalation.bound import Incident
from tta_gateway.features.escalation.desk import Desk
from tta_gateway.features.escalation.register import Away, Register
from tta_gateway.features.escalation.sql_store import SqlStore
from tta_gateway.node.carrying import Carrying, Outside
from tta_gateway.node.elsewhere import Elsewhere, is_own, refused
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.migrate import migrate
from tta_gateway.support.sql.url import DatabaseUrl

TABLES = (
    *("incidents", "incident_reports", "incident_acts", "incident_notices"),
    *("incident_keys", "incident_erasures"),
)


class Time:
    """Seconds that pass for all nodes."""

    now = NOW


class Node(House):
    """A node: its guard, and its control."""

    def __init__(self, folder: Path, time: Time, register: Register, *, skew: float = 0.0) -> None:
        folder.mkdir()
        self.time, self.skew = time, skew
        self.is_cut = False
        self.lines: list[str] = []
        self.sent: Counter[tuple[str, int]] = Counter()
        """how often each notice was sent, by its id and the token of its incident"""
        self.register = register
        super().__init__(folder, policy=msgspec.structs.replace(POLICY, node=folder.name))

    def open(self) -> None:
        """Begin as both processes do."""
        super().open()
        self.see()
        self.window = Desk(self.desk, wall=self.outside.wall)
        self.carrying = Carrying(
            cast("Outside", self),
            _Shelf(self),
            ask=self.ask,
            travelling=tuple,
        )
        self.elsewhere = Elsewhere(
            self.store_of_all, node=lambda: self.carrying.node, wall=self.outside.wall
        )

    def see(self) -> None:
        """Look at its own clock."""
        self.outside.now = self.time.now + self.skew

    # Outside of Carrying

    def monotonic(self) -> float:
        return self.time.now

    def event(self, name: str, **_: object) -> None:
        self.lines.append(name)

    def is_shared(self) -> bool:
        return True

    def store_of_all(self) -> Register:
        if self.is_cut:
            raise Unavailable("cut")
        return self.register

    # What is done at it

    async def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        self.see()
        told: dict[str, Any] = json.loads(self.window.answer(json.dumps(question).encode()))
        return told

    async def carry(self, times: int = 1) -> None:
        """Have control look so many times, a second apart."""
        for _ in range(times):
            self.carrying._done = float("-inf")
            await self.carrying.look()

    def call(self) -> list[str]:
        """Make the calls that are due, and bring them; the ids of notices."""
        self.see()
        self.desk.tick()
        found = []
        for contact in ("first", "second"):
            for owed in self.desk.owed(contact, 99):
                notice = self.desk.notice(owed)
                assert notice is not None
                self.sent[f"{notice.id} {contact}", notice.incident.token] += 1
                found.append(notice.id)
                self.desk.confirmed(owed)
        return found

    def alarming(self) -> dict[str, Incident]:
        """The incidents that it calls about, by person."""
        return {one.person: one for one in self.store.alarming()}

    async def act(self, incident: str, does: str = "acknowledge", id: str = "a1") -> dict[str, Any]:
        """Have somebody do something at it, as node/incidents.py does."""
        question = {"do": "act", "id": id, "incident": incident, "does": does, "by": "ben"}
        here = await self.ask({"do": "show", "incident": incident, "alone": True})
        if "error" not in here and is_own(here["incident"]):
            return await self.ask(question)
        try:
            return await self.elsewhere.act(question) or await self.ask(question)
        except Impossible as error:
            return refused(error)
        except (Away, Unavailable) as error:
            return await self.ask(question) if "error" not in here else refused(error)

    async def show(self, incident: str) -> dict[str, Any]:
        """What is shown of one at it, with its reports, as node/incidents.py does."""
        question = {"do": "show", "incident": incident}
        here = await self.ask(question)
        if "error" not in here and is_own(here["incident"]):
            return here
        with contextlib.suppress(Away, Unavailable):
            return await self.elsewhere.show(question) or here
        return here

    async def list(self, *, all: bool = False) -> list[dict[str, Any]]:
        """What is listed at it."""
        question = {"do": "list", "all": all}
        local = await self.ask(question)
        with contextlib.suppress(Away, Unavailable):
            local = await self.elsewhere.list(question, local["incidents"])
        found: list[dict[str, Any]] = local["incidents"]
        return found


class _Shelf:
    """A Cupboard."""

    is_open = True

    def __init__(self, node: Node) -> None:
        self.store = node.store_of_all

    def open(self) -> None:
        """It is."""


class Nodes:
    """Two of them over one database."""

    def __init__(self, folder: Path, url: DatabaseUrl, *, skews: tuple[float, float]) -> None:
        self.time = Time()
        self.ring: Ring | None = RING
        self.database = Database(url)
        register = self.register = SqlStore(
            lambda: self.database, ring=lambda: self.ring, now=lambda: self.time.now
        )
        one, two = skews
        self.one = Node(folder / "one", self.time, register, skew=one)
        self.two = Node(folder / "two", self.time, register, skew=two)
        self.all = (self.one, self.two)

    async def __aenter__(self) -> Self:
        await migrate(self.database)
        async with self.database.write() as connection:
            for name in TABLES:
                await connection.exec_driver_sql(f"DELETE FROM {name}")
            await connection.exec_driver_sql("DELETE FROM incident_nodes")
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self.all:
            one.close()
        await self.database.close()

    async def rounds(self, times: int = 4) -> None:
        """Have both carry, a second apart."""
        for _ in range(times):
            self.time.now += 1.0
            for one in self.all:
                await one.carry()

    async def rows(self, asked: str) -> list[tuple[Any, ...]]:
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(asked)]
