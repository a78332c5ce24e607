"""Incidents of all nodes in SQL.

Whoever changes anything locks the one row of `incident_clock` first: so only one node at a time is
at work, decides by what is really there, and the numbers that it counts are in the order of time.
Leases go by the clock of the database.  The acts are the record of who has done what, when and why,
in the order of their `number`; they are deleted with their incident alone, once that has been over
for as long as it is kept (sql_tidying.py).  Rows and how they are sealed: sql_rows.py, sql_keys.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import (
    and_,
    case,
    exists,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.escalation import tenure
from tta_gateway.features.escalation.algorithm import Impossible, acted, informed, is_open
from tta_gateway.features.escalation.bound import (
    Act,
    Bundle,
    Incident,
    Other,
    Outgoing,
    Yielded,
)
from tta_gateway.features.escalation.register import Away, Heard, Whole
from tta_gateway.features.escalation.sealing import ERASED
from tta_gateway.features.escalation.sql_rows import (
    Step,
    acts_of,
    add_acts,
    add_reports,
    begun,
    bundle_of,
    keep_notices,
    put,
    read,
    reports_of,
    rows_of,
    storable,
    whole,
    with_erased,
)
from tta_gateway.features.escalation.sql_rows import seen as seen_by
from tta_gateway.features.escalation.sql_tables import ACTS, INCIDENTS, KEYS, NODES, REPORTS
from tta_gateway.features.escalation.sql_tidying import erase, tidy
from tta_gateway.features.escalation.tenure import LEASE, Row
from tta_gateway.kernel.incident import Report
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.sql.at_once import Work
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database

T = TypeVar("T")
MOST_TAKEN: Final = 100
"""incidents that a node takes over in one step, of those that nobody looks after"""
MOST_BUNDLES: Final = 10
"""of these, that it is given in one step; each with the newest of what belongs to it"""
MOST_PARTS: Final = 100
_I, _R, _A = INCIDENTS.c, REPORTS.c, ACTS.c
_SQLITE_NOW: Final = "(julianday('now') - 2440587.5) * 86400.0"
_NOW: Final = func.clock_timestamp()


class SqlStore:
    """A Register."""

    def __init__(
        self,
        database: Callable[[], Database],
        *,
        ring: Callable[[], Ring | None],
        now: Callable[[], float] | None = None,
    ) -> None:
        """Ask this database, which may raise Unavailable itself; by its own clock, or `now`.

        `ring` are the keys that all nodes have, None for none; OSError if they cannot be had.
        """
        self._database = database
        self._keys = ring
        self._now = now

    async def _written(self, work: Work[T]) -> T:
        try:
            return await self._database().written(work)
        except (Unavailable, Conflict) as error:
            raise Away(str(error)) from error

    async def _seen(self, work: Work[T]) -> T:
        try:
            return await self._database().seen(work)
        except Unavailable as error:
            raise Away(str(error)) from error

    def _ring(self) -> Ring | None:
        try:
            return self._keys()
        except OSError as error:
            raise Away(str(error)) from error

    async def carry(self, said: Outgoing, *, seen: int) -> Heard:
        """Keep what a node says, renew its lease, and take over for it what nobody looks after."""
        return await self._written(lambda connection: self._carry(connection, said, seen))

    async def _carry(self, connection: AsyncConnection, said: Outgoing, seen: int) -> Heard:
        step = await begun(connection, said.node, self._ring())
        now = self._now() if self._now else await _clock(connection)
        await _renew(connection, said, now)
        alive = await step.all(select(NODES.c.node).where(NODES.c.ends > now))
        step.alive = frozenset(str(node) for (node,) in alive)
        if said.can_take:
            await _take_over(step)
        for bundle in said.bundles:
            await _keep(step, bundle)
        await _settle_parts(step)
        return Heard(
            number=step.number,
            yielded=step.yielded,
            bundles=await _unheld(step) if said.can_take else (),
            reports=await _reports_for(step),
            acts=await _acts_for(step),
            others=await _others(step, seen),
            lost=step.lost,
        )

    async def page(self, most: int, *, all: bool, skip: int) -> Sequence[Incident]:
        """Return incidents of all nodes, in the order of sqlite_store.py's `incidents`."""
        asked = select(INCIDENTS).order_by(
            _I.alarming.desc(),
            case((_I.alarming, -_I.level), else_=0),
            _I.open.desc(),
            case((_I.alarming, _I.opened), else_=-_I.opened),
        )
        asked = asked.where(true() if all else _I.open, _I.part_of == "")
        asked = asked.limit(most).offset(skip)

        async def work(connection: AsyncConnection) -> list[Incident]:
            step = await seen_by(connection, self._ring())
            return [one.incident for one in await read(step, await step.all(asked))]

        return await self._seen(work)

    async def one(self, id: str, most: int) -> Whole | None:
        """Return an incident, the whole if this is a part of one; None if there is none."""

        async def work(connection: AsyncConnection) -> Whole | None:
            step = await seen_by(connection, self._ring())
            row = await whole(step, id)
            if row is None:
                return None
            bundle = await bundle_of(step, row, most)
            named = select(NODES.c.name).where(NODES.c.node == row.owner)
            name = await connection.scalar(named) or ""
            return Whole(
                incident=row.incident,
                node=name,
                reports=bundle.reports,
                notices=bundle.notices,
                acts=bundle.acts,
            )

        return await self._seen(work)

    async def act(self, act: Act, node: str) -> Incident | None:
        """Keep what somebody has done about an incident that some node has, which hears of it.

        Impossible.  All nodes see at once what has come of it.
        """

        async def work(connection: AsyncConnection) -> Incident | None:
            step = await begun(connection, node, self._ring())
            row = await whole(step, act.incident)
            if row is None:
                return None
            found = select(_A.id).where(_A.id == storable(act.id))
            if (await connection.execute(found)).first() is not None:
                return row.incident
            if row.incident.person == ERASED and act.does == "reopen":
                raise Impossible("nothing is kept any more of whom it was about")
            own = informed(act, row.incident)
            after = acted(row.incident, own)
            await add_acts(step, [own], row.incident, own.incident, is_taken=False)
            stays = is_open(after)
            await put(step, msgspec.structs.replace(row, incident=after, is_open=stays))
            return after

        return await self._written(work)

    async def erase(self, person: str, *, id: str, at: float) -> None:
        """Make unreadable what is kept of a person, once for each id; what is open goes on."""

        async def work(connection: AsyncConnection) -> None:
            await erase(await begun(connection, "", self._ring()), person, id=id, at=at)

        await self._written(work)

    async def tidy(self, keep: float) -> Mapping[str, int]:
        """Seal what older versions wrote, and delete what has been over for so many seconds.

        So much at once; return how many of what, nothing for none.
        """

        async def work(connection: AsyncConnection) -> Mapping[str, int]:
            step = await begun(connection, "", self._ring())
            now = self._now() if self._now else await _clock(connection)
            return await tidy(step, now - keep)

        return await self._written(work)


async def _clock(connection: AsyncConnection) -> float:
    """Return seconds since the epoch, as the database has them."""
    is_sqlite = connection.dialect.name == "sqlite"
    asked = literal_column(_SQLITE_NOW) if is_sqlite else func.extract("epoch", _NOW)
    return float(await connection.scalar(select(asked)) or 0.0)


async def _renew(connection: AsyncConnection, said: Outgoing, now: float) -> None:
    values = {"name": storable(said.name), "ends": now + LEASE}
    renewed = update(NODES).where(NODES.c.node == said.node).values(**values)
    if not (await connection.execute(renewed)).rowcount:
        await connection.execute(insert(NODES).values(node=said.node, **values))


# Incidents


async def _take_over(step: Step) -> None:
    """Have this node go on with what has been looked after by one that is gone."""
    gone = _I.owner.not_in(step.alive)
    asked = select(INCIDENTS).where(await _unfinished(step), gone)
    asked = asked.order_by(_I.alarming.desc(), _I.level.desc()).limit(MOST_TAKEN)
    rows = await step.all(asked)
    found = await read(step, rows)
    for row in found:
        await put(step, tenure.taken_over(row, step.node))
    is_read = {one.incident.id for one in found}
    step.lost = [str(one.id) for one in rows if one.alarming and one.id not in is_read]


async def _unfinished(step: Step) -> Any:  # noqa: ANN401 - of columns
    """Return what is so of incidents that are open, or over with a report that nobody has taken.

    Of the latter there are hardly any: they are asked for by their reports, not among all that is
    over.
    """
    left = select(_I.id).distinct().join(REPORTS, _R.incident == _I.id)
    left = left.where(_R.taken == false(), ~_I.open, _I.part_of == "").limit(MOST_TAKEN)
    return or_(_I.open, _I.id.in_([id for (id,) in await step.all(left)]))


async def _keep(step: Step, bundle: Bundle) -> None:
    """Keep what a node tells of an incident, if it is its own; else what has come to it."""
    id = bundle.incident.id
    before = next(iter(await rows_of(step, _I.id == id)), None)
    other = await _main_of(step, bundle.incident)
    row = tenure.told(before, _with_token(bundle.incident, before), step.node, other)
    if row is not None:
        await put(step, row)
        await keep_notices(step, bundle)
    elif before is not None and before.owner != step.node and _has_hold(step, before):
        step.yielded.append(Yielded(id=id, holder=before.owner, part_of=before.part_of))
    is_taken = row is not None and not row.part_of
    await add_reports(step, bundle.reports, id, is_taken=is_taken)
    to = (row.part_of if row is not None else "") or id  # who acts on a part acts on it
    await add_acts(step, bundle.acts, bundle.incident, to, is_taken=is_taken)


def _with_token(incident: Incident, before: Row | None) -> Incident:
    """Return one that was erased before it was carried with the token that its node has it by."""
    if incident.token or before is None or before.held != before.token:
        return incident
    return msgspec.structs.replace(incident, token=before.token)


def _has_hold(step: Step, row: Row) -> bool:
    """Tell whether its owner goes on with it; of what is over only one that is there can."""
    return row.is_held and (row.is_open or row.owner in step.alive)


async def _main_of(step: Step, incident: Incident) -> str:
    """Return another open incident of the same person; nothing if there is none."""
    if incident.drill:
        return ""
    person = step.sealing.seal.marks(incident.person)
    asked = select(_I.id).where(_I.person.in_(person), _I.open, _I.part_of == "", ~_I.drill)
    asked = asked.where(_I.id != incident.id).order_by(_I.opened).limit(1)
    return next((str(id) for (id,) in await step.all(asked)), "")


# Parts: what somebody has written at a second node


async def _settle_parts(step: Step) -> None:
    """Have this node's parts end whose reports are all taken up, or stand by themselves."""
    for row in await rows_of(step, _I.owner == step.node, _I.open, _I.part_of != ""):
        id = row.incident.id
        whole = next(iter(await rows_of(step, _I.id == row.part_of)), None)
        if whole is None or not whole.is_main:
            await put(step, tenure.by_itself(row, await _main_of(step, row.incident)))
        elif not await step.all(select(_R.id).where(_R.incident == id).limit(1)):
            await put(step, tenure.taken_up(row))
            step.yielded.append(Yielded(id=id, holder=whole.owner, part_of=row.part_of))


# What a node has to take up


def _has(step: Step, incidents: Any) -> Any:  # noqa: ANN401 - of columns
    """Return what is so of incidents that a node has, and says so."""
    return and_(incidents.owner == step.node, incidents.held == incidents.token)


async def _unheld(step: Step) -> list[Bundle]:
    """Return what the node has to go on with, and does not know yet."""
    unheld = (_I.owner == step.node, _I.held < _I.token, await _unfinished(step))
    rows = await rows_of(step, *unheld, most=MOST_BUNDLES)
    rows = await with_erased(step, rows)
    return [await bundle_of(step, one, MOST_PARTS, is_taken=True) for one in rows]


async def _reports_for(step: Step) -> list[Report]:
    """Return what came to other nodes about incidents that this one has."""
    whole = INCIDENTS.alias()
    is_whole = and_(whole.c.id == _I.part_of, _has(step, whole.c), whole.c.open)
    asked = select(_R.id, _R.body).join(INCIDENTS, _I.id == _R.incident).where(_R.taken == false())
    asked = asked.where(or_(and_(_I.part_of == "", _has(step, _I)), exists().where(is_whole)))
    is_there = or_(_R.key == "", exists().where(KEYS.c.id == _R.key))
    asked = asked.where(is_there).order_by(_R.at).limit(MOST_PARTS)
    return await reports_of(step, await step.all(asked))


async def _acts_for(step: Step) -> list[Act]:
    """Return what people have done at other nodes about incidents that this one has."""
    asked = select(ACTS).join(INCIDENTS, _I.id == _A.incident)
    asked = asked.where(_A.taken == false(), _has(step, _I))
    return await acts_of(step, await step.all(asked.order_by(_A.number).limit(MOST_PARTS)))


async def _others(step: Step, seen: int) -> list[Other]:
    """Return what has changed of others' incidents; at the beginning, those that are open.

    What the node has had before, and another one has now, it yields; of its own it is told what
    they are a part of by now.
    """
    asked = select(INCIDENTS).where(_I.changed > seen if seen else _I.open)
    found = await step.all(asked)
    people = {one.incident.id: one.incident.person for one in await read(step, found)}
    step.yielded += [
        Yielded(id=one.id, holder=one.owner, part_of=one.part_of)
        for one in found
        if one.token > 1 and one.owner != step.node and (one.held == one.token or not one.open)
    ]
    step.yielded += [
        Yielded(id=one.id, holder="", part_of=one.part_of)
        for one in found
        if one.owner == step.node and one.held == one.token and one.open
    ]
    return [
        Other(
            id=one.id,
            person=people.get(one.id, ERASED),
            level=one.level,
            is_open=one.open and not one.part_of and one.owner != step.node,
        )
        for one in found
    ]
