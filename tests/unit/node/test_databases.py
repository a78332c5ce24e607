"""The database of control: opened aside, tried again and again, told of once."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.node.databases import Databases, TooNew, opened
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import DatabaseUrl, in_folder


class House:
    """What is told, and a database that opens unless there is a fault."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.events: list[tuple[object, ...]] = []
        self.away: list[bool] = []
        self.faults: list[Exception] = []
        self.opened: list[str] = []
        self.databases = Databases(cast("Any", self), open=self._open)
        self.databases.tell = self.away.append

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, *fields.values()))

    async def _open(self, url: DatabaseUrl) -> Database:
        if self.faults:
            raise self.faults.pop(0)
        self.opened.append(url.file)
        return await opened(url)

    def adopt(self, *, is_needed: bool = True, database: DatabaseUrl | None = None) -> None:
        snapshot = Snapshot(
            version=1,
            state_dir=str(self.state),
            listeners=(),
            services=(),
            routes=(),
            database=database,
        )
        self.databases.adopt(snapshot, is_needed=is_needed)

    async def end(self) -> None:
        await self.databases.close()


def test_what_nobody_needs_is_not_opened(tmp_path: Path) -> None:
    async def work() -> None:
        house = House(tmp_path)
        house.adopt(is_needed=False)
        await house.databases.look()
        assert (house.opened, house.events, house.away) == ([], [], [False])
        with pytest.raises(Unavailable):
            _ = house.databases.database

    asyncio.run(work())


def test_it_is_there_once_it_has_been_opened(tmp_path: Path) -> None:
    async def work() -> None:
        house = House(tmp_path)
        house.adopt()
        with pytest.raises(Unavailable):
            _ = house.databases.database
        assert house.databases.complaints == ["database: it has not answered yet"]
        await house.databases.look()
        async with house.databases.database.read() as connection:
            await connection.execute(text("SELECT * FROM users"))
        assert (house.databases.complaints, house.away, house.events) == ([], [False], [])
        await house.end()

    asyncio.run(work())


def test_what_is_wrong_is_told_once_and_tried_again(tmp_path: Path) -> None:
    async def work() -> None:
        house = House(tmp_path)
        house.faults = [Unavailable("A"), Unavailable("B"), TooNew(), KeyError("what it held")]
        house.adopt()
        for _ in range(5):
            await house.databases.look()
        words = [str(one[-1]) for one in house.events]
        assert [one[0] for one in house.events] == ["store_unfit"] * 3 + ["store_fit"]
        assert ["A" in words[0], "newer version" in words[1], "KeyError" in words[2]] == [True] * 3
        assert "what it held" not in str(words)
        assert house.away == [True] * 4 + [False]
        await house.end()

    asyncio.run(work())


async def _lost(_: AsyncConnection) -> None:
    """Have the connection be given up, as where a disk fails."""
    raise sqlite3.OperationalError("disk I/O error")


def test_one_that_goes_away_is_not_given_until_it_is_back(tmp_path: Path) -> None:
    async def work() -> None:
        house = House(tmp_path)
        house.adopt()
        await house.databases.look()
        database = house.databases.database
        with pytest.raises(Unavailable):
            await database.seen(_lost)
        file = tmp_path / "gateway.sqlite3"
        file.rename(tmp_path / "aside")
        file.mkdir()
        await house.databases.look()
        with pytest.raises(Unavailable):
            _ = house.databases.database
        file.rmdir()
        (tmp_path / "aside").rename(file)
        await house.databases.look()
        assert house.databases.database is database
        await house.end()

    asyncio.run(work())


def test_another_configuration_closes_it_and_opens_another(tmp_path: Path) -> None:
    async def work() -> None:
        house = House(tmp_path)
        house.adopt()
        await house.databases.look()
        other = tmp_path / "other"
        other.mkdir()
        house.adopt(database=in_folder(other))
        with pytest.raises(Unavailable):
            _ = house.databases.database
        await house.databases.look()
        assert house.databases.database.url == in_folder(other)
        await house.end()
        with pytest.raises(Unavailable):
            _ = house.databases.database

    asyncio.run(work())


def test_a_schema_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    async def work() -> None:
        first = await opened(in_folder(tmp_path))
        async with first.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await first.close()
        with pytest.raises(TooNew):
            await opened(in_folder(tmp_path))

    asyncio.run(work())
