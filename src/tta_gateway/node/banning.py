"""Banning: what administrators say of the shield, as the database keeps it.

A word of theirs counts at once, and is written behind it: so nobody waits with an attack for a
database.  What has not been written yet stands in a live section for the next control.  At the
start, and when the shield is turned on again, what lasts is read; while the database does not
answer all else goes on, and that is told.

The database is opened where the configuration names one or others need it, where there is the file
of one in the state folder, and else with the first word of an administrator: SQLAlchemy costs a
second and forty megabytes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from tta_gateway.features.shield.bound import Block
from tta_gateway.features.shield.service import MOST, Shield
from tta_gateway.features.shield.store import Away, BanStore
from tta_gateway.node.databases import Databases
from tta_gateway.node.sections import Sections
from tta_gateway.snapshot.parts import OWN
from tta_gateway.support.quiet import Quiet
from tta_gateway.support.sql.away import Unavailable
from tta_gateway.support.sql.url import in_folder

SECTION: Final = f"{OWN}bans"
"""The live section with what has not been written yet."""
PATIENCE: Final = 5.0  # seconds that an administrator waits for the database
MOST_OWED: Final = 200
_TICK: Final = 0.2  # seconds
_GRACE: Final = 5.0  # seconds for a database to be opened before it is told of
_QUIET: Final = 60.0  # seconds between two words that it is away


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is kept out until a time; where that is 0, they are let in."""

    source: str
    at: float
    by: str
    until: float = 0.0
    cause: str = ""


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """What the database has not been told."""

    words: tuple[Word, ...] = ()


_owed_of: Final = msgspec.msgpack.Decoder(Owed).decode


class Outside(Protocol):
    """The rest of control."""

    wall: Callable[[], float]

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        """Keep something for the next control."""

    def event(self, name: str, **fields: object) -> None:
        """Write a line of the log."""


K_co = TypeVar("K_co", covariant=True)


class Cupboard(Protocol[K_co]):
    """Where something is kept: in a database that is opened when it is first needed."""

    @property
    def is_open(self) -> bool:
        """Tell whether anybody wants the database at all."""

    def open(self) -> None:
        """Have it opened; that takes a while."""

    def store(self) -> K_co:
        """Return the store; Unavailable."""


Shelf: TypeAlias = Cupboard[BanStore]


class Banning:
    """All of it in this process."""

    def __init__(
        self,
        outside: Outside,
        shield: Shield,
        shelf: Shelf,
        *,
        monotonic: Callable[[], float],
        patience: float = PATIENCE,
    ) -> None:
        """Begin with nothing owed, and nothing read."""
        self.is_read = False
        """Whether it is known who was kept out before."""
        self._outside = outside
        self._shield = shield
        self._shelf = shelf
        self._monotonic = monotonic
        self._patience = patience
        self._since = monotonic()
        self._quiet = Quiet(_QUIET)
        self._owed: list[Word] = []
        self._waiting: set[asyncio.Event] = set()

    def recover(self, live: Mapping[str, msgspec.Raw], sections: Sections) -> None:
        """Go on with what a control before this one has not written."""
        found = sections.read(SECTION, live.get(SECTION), _owed_of)
        if found is not None:
            self._owed = list(found.words)

    def adopt(self) -> None:
        """Go by what the shield goes by now: it forgets all while it is turned off."""
        if not self._shield.is_on:
            self.is_read = False

    @property
    def is_needed(self) -> bool:
        """Tell whether there is anything to be written or kept."""
        return bool(self._owed) or any(one.by for one in self._shield.blocks())

    def is_kept(self, block: Block) -> bool:
        """Tell whether a ban outlives a full stop."""
        owed = any(one.source == block.source for one in self._owed)
        return bool(block.by) and self.is_read and not owed

    @property
    def is_known(self) -> bool:
        """Tell whether it is known whom administrators kept out before the last start."""
        return self.is_read or not self._shelf.is_open or not self._shield.is_on

    def ban(self, block: Block) -> None:
        """Have it written that somebody is kept out."""
        self._owe(_word(block))

    def lift(self, source: str, *, by: str) -> None:
        """Have it written that somebody is let in, if anything can stand there about them."""
        if self._shelf.is_open or self._owed:
            self._owe(Word(source=source, at=self._outside.wall(), by=by))

    async def wait(self) -> None:
        """Wait a while until all is written."""
        if not self._owed:
            return
        written = asyncio.Event()
        self._waiting.add(written)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await written.wait()
        self._waiting.discard(written)

    def _owe(self, word: Word) -> None:
        if len(self._owed) >= MOST_OWED:
            bans = (at for at, one in enumerate(self._owed) if one.until)  # they can be read again
            lost = self._owed.pop(next(bans, 0))
            self.is_read = False  # what lasts is compared again then
            self._outside.event("shield_ban_not_kept", source=lost.source, by=lost.by)
        self._owed.append(word)
        self._put()

    def _put(self) -> None:
        self._outside.put(SECTION, Owed(words=tuple(self._owed)) if self._owed else None)

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Write what is owed, and read what lasts, for ever."""
        while True:
            await self.look()
            await sleep(_TICK)

    async def look(self) -> None:
        """Write what is owed; then read what lasts, where that has not been done."""
        if not self._shelf.is_open:
            if not self.is_needed:
                return
            self._shelf.open()
            self._since = self._monotonic()
        try:
            store = self._shelf.store()
            await self._write(store)
            if not self.is_read and self._shield.is_on:
                await self._read(store)
                await self._write(store)
            for one in self._waiting:
                one.set()
            self._waiting.clear()
        except (Away, Unavailable) as error:
            self._complain(str(error))

    async def _write(self, store: BanStore) -> None:
        while self._owed:
            word = self._owed[0]
            if word.until:
                await store.ban(_block(word))
            else:
                await store.lift(word.source, at=word.at, by=word.by)
            if self._owed[0] is word:  # else it has been given up meanwhile
                del self._owed[0]
                self._put()

    async def _read(self, store: BanStore) -> None:
        """Take up what lasts and what is over, and write what the database has never heard of.

        That is of an upgrade; and whom this node keeps out may have been let in at another one.
        """
        lasting = await store.lasting(self._outside.wall(), most=MOST)
        self._shield.restore(lasting)
        if lasting:
            self._outside.event("shield_bans_read", bans=len(lasting))
        there = {one.source for one in lasting}
        rest = [one for one in self._shield.blocks() if one.by and one.source not in there]
        over = await store.lifted(rest) if rest else []
        self._shield.merge([], {one.source: one.since for one in rest if one.source in over})
        self.is_read = True
        for block in rest:
            if block.source not in over:
                self._owe(_word(block))

    def _complain(self, error: str) -> None:
        now = self._monotonic()
        if now - self._since >= _GRACE and self._quiet.is_due("away", now=now):
            owed = len(self._owed)
            self._outside.event("shield_bans_away", error=error, read=self.is_read, unwritten=owed)


def _word(block: Block) -> Word:
    return Word(
        source=block.source, at=block.since, by=block.by, until=block.until, cause=block.cause
    )


def _block(word: Word) -> Block:
    cause = word.cause.replace("\0", " ")  # PostgreSQL keeps no NUL in a text
    return Block(source=word.source, since=word.at, until=word.until, cause=cause, by=word.by)


class DatabaseShelf(Generic[K_co]):
    """The database of control as the place where it is kept."""

    def __init__(
        self,
        databases: Databases,
        adopt: Callable[[], None],
        store: Callable[[Databases], K_co],
    ) -> None:
        """`adopt` has the database opened even where nobody else needs it; `store` is of it."""
        self._databases = databases
        self._adopt = adopt
        self._store = store

    @property
    def is_open(self) -> bool:
        """Tell whether anybody wants the database at all."""
        return self._databases.is_wanted

    def open(self) -> None:
        """Have it opened."""
        self._adopt()

    def store(self) -> K_co:
        """Return the store; Unavailable."""
        return self._store(self._databases)


def bans_of(databases: Databases) -> BanStore:
    """Return where bans are kept; Unavailable."""
    _ = databases.database  # once it is there, all of SQLAlchemy has been imported aside
    from tta_gateway.features.shield.sql_store import SqlStore

    return SqlStore(lambda: databases.database)


def has_file(state: str) -> bool:
    """Tell whether there is a database in the state folder, which may hold bans."""
    return Path(in_folder(Path(state)).file).exists()
