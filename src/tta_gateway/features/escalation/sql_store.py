"""Incidents of all nodes in SQL.

Whoever changes anything locks the one row of `incident_clock` first: so only one node at a time is
at work, decides by what is really there, and the numbers that it counts are in the order of time.
Leases go by the clock of the database.  Reports and acts are never deleted here: the acts are the
record of who has done what, when and why, in the order of their `number`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Executable,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    and_,
    case,
    delete,
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
from tta_gateway.features.escalation.algorithm import acted, is_open
from tta_gateway.features.escalation.bound import (
    Act,
    Bundle,
    Incident,
    Other,
    Outgoing,
    Sent,
    Yielded,
)
from tta_gateway.features.escalation.register import Away, Heard, Whole
from tta_gateway.features.escalation.tenure import LEASE, Row
from tta_gateway.kernel.incident import Report
from tta_gateway.support.sql.at_once import Work
from tta_gateway.support.sql.away import Conflict, Unavailable
from tta_gateway.support.sql.database import Database

T = TypeVar("T")
_META: Final = MetaData()
_CLOCK: Final = Table(
    "incident_clock", _META, Column("id", Integer, primary_key=True), Column("number", BigInteger)
)
_NODES: Final = Table(
    "incident_nodes",
    _META,
    Column("node", String(64), primary_key=True),
    Column("name", Text),
    Column("ends", Double),
)
_INCIDENTS: Final = Table(
    "incidents",
    _META,
    Column("id", String(64), primary_key=True),
    Column("person", Text),
    Column("drill", Boolean),
    Column("open", Boolean),
    Column("alarming", Boolean),
    Column("level", Integer),
    Column("opened", Double),
    Column("owner", String(64)),
    Column("token", BigInteger),
    Column("held", BigInteger),
    Column("part_of", String(64)),
    Column("changed", BigInteger),
    Column("body", LargeBinary),
)
_REPORTS: Final = Table(
    "incident_reports",
    _META,
    Column("id", Text, primary_key=True),
    Column("incident", String(64)),
    Column("node", String(64)),
    Column("at", Double),
    Column("taken", Boolean),
    Column("body", LargeBinary),
)
_NOTICES: Final = Table(
    "incident_notices",
    _META,
    Column("call", String(64), primary_key=True),
    Column("contact", Text, primary_key=True),
    Column("incident", String(64)),
    Column("number", Integer),
    Column("level", Integer),
    Column("confirmed", Double),
)
_ACTS: Final = Table(
    "incident_acts",
    _META,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger),
    Column("incident", String(64)),
    Column("does", String(32)),
    Column("done_by", Text),
    Column("at", Double),
    Column("given_to", Text),
    Column("text", Text),
    Column("node", String(64)),
    Column("taken", Boolean),
)
MOST_TAKEN: Final = 100
"""incidents that a node takes over in one step, of those that nobody looks after"""
MOST_BUNDLES: Final = 10
"""of these, that it is given in one step; each with the newest of what belongs to it"""
MOST_PARTS: Final = 100
_I, _R, _A = _INCIDENTS.c, _REPORTS.c, _ACTS.c
_NOT_FOR_LONG: Final = "SET LOCAL idle_in_transaction_session_timeout = 5000"
_SQLITE_NOW: Final = "(julianday('now') - 2440587.5) * 86400.0"
_NOW: Final = func.clock_timestamp()
_encode: Final = msgspec.msgpack.Encoder().encode
_incident: Final = msgspec.msgpack.Decoder(Incident).decode
_report: Final = msgspec.msgpack.Decoder(Report).decode


class SqlStore:
    """A Register."""

    def __init__(
        self, database: Callable[[], Database], *, now: Callable[[], float] | None = None
    ) -> None:
        """Ask this database, which may raise Unavailable itself; by its own clock, or `now`."""
        self._database = database
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

    async def carry(self, said: Outgoing, *, seen: int) -> Heard:
        """Keep what a node says, renew its lease, and take over for it what nobody looks after."""
        return await self._written(lambda connection: self._carry(connection, said, seen))

    async def _carry(self, connection: AsyncConnection, said: Outgoing, seen: int) -> Heard:
        step = await _begun(connection, said.node)
        now = self._now() if self._now else await _clock(connection)
        await _renew(connection, said, now)
        alive = await step.all(select(_NODES.c.node).where(_NODES.c.ends > now))
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
        )

    async def page(self, most: int, *, all: bool, skip: int) -> Sequence[Incident]:
        """Return incidents of all nodes, in the order of sqlite_store.py's `incidents`."""
        asked = select(_I.body).order_by(
            _I.alarming.desc(),
            case((_I.alarming, -_I.level), else_=0),
            _I.open.desc(),
            case((_I.alarming, _I.opened), else_=-_I.opened),
        )
        asked = asked.where(true() if all else _I.open, _I.part_of == "")
        asked = asked.limit(most).offset(skip)

        async def work(connection: AsyncConnection) -> list[Incident]:
            return [_incident(body) for (body,) in await connection.execute(asked)]

        return await self._seen(work)

    async def one(self, id: str, most: int) -> Whole | None:
        """Return an incident, the whole if this is a part of one; None if there is none."""

        async def work(connection: AsyncConnection) -> Whole | None:
            row = await _whole(connection, id)
            if row is None:
                return None
            bundle = await _bundle(connection, row, most)
            named = select(_NODES.c.name).where(_NODES.c.node == row.owner)
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
            step = await _begun(connection, node)
            row = await _whole(connection, act.incident)
            if row is None:
                return None
            found = select(_A.id).where(_A.id == _text(act.id))
            if (await connection.execute(found)).first() is not None:
                return row.incident
            own = msgspec.structs.replace(act, incident=row.incident.id)
            after = acted(row.incident, own)
            await _add_acts(step, [own], row.incident.id, is_taken=False)
            stays = is_open(after)
            await _put(step, msgspec.structs.replace(row, incident=after, is_open=stays))
            return after

        return await self._written(work)


class _Step(msgspec.Struct):
    """One node at work: nobody else changes anything meanwhile."""

    connection: AsyncConnection
    node: str
    number: int
    yielded: list[Yielded]
    alive: frozenset[str] = frozenset()
    """Nodes with a lease."""

    async def all(self, asked: Executable) -> Sequence[Any]:
        """Return the rows."""
        return (await self.connection.execute(asked)).all()

    async def do(self, asked: Executable, rows: Any = None) -> None:  # noqa: ANN401 - of columns
        """Have it done."""
        await self.connection.execute(asked, rows)


async def _begun(connection: AsyncConnection, node: str) -> _Step:
    """Begin, behind whoever is at work; one that is stopped meanwhile keeps nobody for long."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(_NOT_FOR_LONG)
    await connection.execute(update(_CLOCK).values(number=_CLOCK.c.number + 1))
    number = await connection.scalar(select(_CLOCK.c.number))
    return _Step(connection=connection, node=node, number=number or 0, yielded=[])


async def _clock(connection: AsyncConnection) -> float:
    """Return seconds since the epoch, as the database has them."""
    is_sqlite = connection.dialect.name == "sqlite"
    asked = literal_column(_SQLITE_NOW) if is_sqlite else func.extract("epoch", _NOW)
    return float(await connection.scalar(select(asked)) or 0.0)


async def _renew(connection: AsyncConnection, said: Outgoing, now: float) -> None:
    values = {"name": _text(said.name), "ends": now + LEASE}
    renewed = update(_NODES).where(_NODES.c.node == said.node).values(**values)
    if not (await connection.execute(renewed)).rowcount:
        await connection.execute(insert(_NODES).values(node=said.node, **values))


# Incidents


async def _rows(step: _Step, *where: Any, most: int | None = None) -> list[Row]:  # noqa: ANN401 - of columns
    asked = select(_INCIDENTS).where(*where).order_by(_I.alarming.desc(), _I.level.desc())
    return [_row(one) for one in await step.all(asked.limit(most))]


def _row(row: Any) -> Row:  # noqa: ANN401 - of columns
    return Row(
        incident=_incident(row.body),
        owner=row.owner,
        token=row.token,
        held=row.held,
        part_of=row.part_of,
        is_open=row.open,
    )


async def _put(step: _Step, row: Row) -> None:
    incident = row.incident
    values = {
        "person": _text(incident.person),
        "drill": incident.drill,
        "open": row.is_open,
        "alarming": row.is_alarming,
        "level": incident.level,
        "opened": incident.opened,
        "owner": row.owner,
        "token": row.token,
        "held": row.held,
        "part_of": row.part_of,
        "changed": step.number,
        "body": _encode(incident),
    }
    changed = update(_INCIDENTS).where(_I.id == incident.id).values(**values)
    if not (await step.connection.execute(changed)).rowcount:
        await step.do(insert(_INCIDENTS).values(id=incident.id, **values))


async def _take_over(step: _Step) -> None:
    """Have this node go on with what has been looked after by one that is gone."""
    gone = _I.owner.not_in(step.alive)
    for row in await _rows(step, await _unfinished(step), gone, most=MOST_TAKEN):
        await _put(step, tenure.taken_over(row, step.node))


async def _unfinished(step: _Step) -> Any:  # noqa: ANN401 - of columns
    """Return what is so of incidents that are open, or over with a report that nobody has taken.

    Of the latter there are hardly any: they are asked for by their reports, not among all that is
    over.
    """
    left = select(_I.id).distinct().join(_REPORTS, _R.incident == _I.id)
    left = left.where(_R.taken == false(), ~_I.open, _I.part_of == "").limit(MOST_TAKEN)
    return or_(_I.open, _I.id.in_([id for (id,) in await step.all(left)]))


async def _keep(step: _Step, bundle: Bundle) -> None:
    """Keep what a node tells of an incident, if it is its own; else what has come to it."""
    id = bundle.incident.id
    before = next(iter(await _rows(step, _I.id == id)), None)
    other = await _main_of(step, bundle.incident)
    row = tenure.told(before, bundle.incident, step.node, other)
    if row is not None:
        await _put(step, row)
        await _keep_notices(step, bundle)
    elif before is not None and before.owner != step.node and _has_hold(step, before):
        step.yielded.append(Yielded(id=id, holder=before.owner, part_of=before.part_of))
    is_taken = row is not None and not row.part_of
    await _add_reports(step, bundle.reports, id, is_taken=is_taken)
    whole = (row.part_of if row is not None else "") or id  # who acts on a part acts on it
    await _add_acts(step, bundle.acts, whole, is_taken=is_taken)


def _has_hold(step: _Step, row: Row) -> bool:
    """Tell whether its owner goes on with it; of what is over only one that is there can."""
    return row.is_held and (row.is_open or row.owner in step.alive)


async def _main_of(step: _Step, incident: Incident) -> str:
    """Return another open incident of the same person; nothing if there is none."""
    if incident.drill:
        return ""
    person = _text(incident.person)
    asked = select(_I.id).where(_I.person == person, _I.open, _I.part_of == "", ~_I.drill)
    asked = asked.where(_I.id != incident.id).order_by(_I.opened).limit(1)
    return next((str(id) for (id,) in await step.all(asked)), "")


async def _keep_notices(step: _Step, bundle: Bundle) -> None:
    """Keep them as they are: those that nobody has confirmed may be owed no more."""
    of = _NOTICES.c.incident == bundle.incident.id
    calls = {one.call for one in bundle.notices}
    gone = or_(_NOTICES.c.call.in_(calls), _NOTICES.c.confirmed == 0.0)
    await step.do(delete(_NOTICES).where(of, gone))
    if bundle.notices:
        rows = [{**_fields(one), "incident": bundle.incident.id} for one in bundle.notices]
        await step.do(insert(_NOTICES), rows)


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(value)


async def _add_reports(
    step: _Step, reports: Sequence[Report], incident: str, *, is_taken: bool
) -> None:
    """Add those that are not here yet; whoever takes them says to which incident they belong."""
    known = await _known(step, _REPORTS, (one.id for one in reports))
    if is_taken and known:
        which = update(_REPORTS).where(_R.id.in_(known))
        await step.do(which.values(incident=incident, taken=True))
    rows = [
        {
            "id": _text(one.id),
            "incident": incident,
            "node": step.node,
            "at": one.at,
            "taken": is_taken,
            "body": _encode(one),
        }
        for one in reports
        if _text(one.id) not in known
    ]
    if rows:
        await step.do(insert(_REPORTS), rows)


async def _add_acts(step: _Step, acts: Sequence[Act], incident: str, *, is_taken: bool) -> None:
    known = await _known(step, _ACTS, (one.id for one in acts))
    if is_taken and known:
        await step.do(update(_ACTS).where(_A.id.in_(known)).values(taken=True))
    rows = [
        {
            "id": _text(one.id),
            "number": step.number,
            "incident": incident,
            "does": one.does,
            "done_by": _text(one.by),
            "at": one.at,
            "given_to": _text(one.to),
            "text": _text(one.text),
            "node": step.node,
            "taken": is_taken,
        }
        for one in acts
        if _text(one.id) not in known
    ]
    if rows:
        await step.do(insert(_ACTS), rows)


async def _known(step: _Step, table: Table, ids: Iterable[str]) -> set[str]:
    wanted = [_text(one) for one in ids]
    if not wanted:
        return set()
    return {id for (id,) in await step.all(select(table.c.id).where(table.c.id.in_(wanted)))}


# Parts: what somebody has written at a second node


async def _settle_parts(step: _Step) -> None:
    """Have this node's parts end whose reports are all taken up, or stand by themselves."""
    for row in await _rows(step, _I.owner == step.node, _I.open, _I.part_of != ""):
        id = row.incident.id
        whole = next(iter(await _rows(step, _I.id == row.part_of)), None)
        if whole is None or not whole.is_main:
            await _put(step, tenure.by_itself(row, await _main_of(step, row.incident)))
        elif not await step.all(select(_R.id).where(_R.incident == id).limit(1)):
            await _put(step, tenure.taken_up(row))
            step.yielded.append(Yielded(id=id, holder=whole.owner, part_of=row.part_of))


# What a node has to take up


def _has(step: _Step, incidents: Any) -> Any:  # noqa: ANN401 - of columns
    """Return what is so of incidents that a node has, and says so."""
    return and_(incidents.owner == step.node, incidents.held == incidents.token)


async def _unheld(step: _Step) -> list[Bundle]:
    """Return what the node has to go on with, and does not know yet."""
    unheld = (_I.owner == step.node, _I.held < _I.token, await _unfinished(step))
    rows = await _rows(step, *unheld, most=MOST_BUNDLES)
    return [await _bundle(step.connection, one, MOST_PARTS, is_taken=True) for one in rows]


async def _reports_for(step: _Step) -> list[Report]:
    """Return what came to other nodes about incidents that this one has."""
    whole = _INCIDENTS.alias()
    is_whole = and_(whole.c.id == _I.part_of, _has(step, whole.c), whole.c.open)
    asked = select(_R.body).join(_INCIDENTS, _I.id == _R.incident).where(_R.taken == false())
    asked = asked.where(or_(and_(_I.part_of == "", _has(step, _I)), exists().where(is_whole)))
    return [_report(body) for (body,) in await step.all(asked.order_by(_R.at).limit(MOST_PARTS))]


async def _acts_for(step: _Step) -> list[Act]:
    """Return what people have done at other nodes about incidents that this one has."""
    asked = select(_ACTS).join(_INCIDENTS, _I.id == _A.incident)
    asked = asked.where(_A.taken == false(), _has(step, _I))
    return [_act(one) for one in await step.all(asked.order_by(_A.number).limit(MOST_PARTS))]


async def _others(step: _Step, seen: int) -> list[Other]:
    """Return what has changed of others' incidents; at the beginning, those that are open.

    What the node has had before, and another one has now, it yields; of its own it is told what
    they are a part of by now.
    """
    columns = (_I.id, _I.person, _I.level, _I.owner, _I.part_of, _I.open, _I.token, _I.held)
    asked = select(*columns).where(_I.changed > seen if seen else _I.open)
    found = await step.all(asked)
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
            person=one.person,
            level=one.level,
            is_open=one.open and not one.part_of and one.owner != step.node,
        )
        for one in found
    ]


async def _whole(connection: AsyncConnection, id: str) -> Row | None:
    """Return an incident, or the one that it is a part of."""
    asked = select(_INCIDENTS).where(_I.id == id)
    found = (await connection.execute(asked)).first()
    if found is None or not found.part_of:
        return None if found is None else _row(found)
    whole = select(_INCIDENTS).where(_I.id == found.part_of)
    return _row((await connection.execute(whole)).first() or found)


async def _bundle(
    connection: AsyncConnection, row: Row, most: int, *, is_taken: bool = False
) -> Bundle:
    """Return an incident with the newest of what belongs to it; of that, what `is_taken`."""
    id = row.incident.id
    reports = (
        select(_R.body).where(_R.incident == id).order_by(_R.at.desc(), _R.id.desc()).limit(most)
    )
    acts = select(_ACTS).where(_A.incident == id).order_by(_A.number)
    if is_taken:
        reports, acts = reports.where(_R.taken), acts.where(_A.taken)
    sent = select(_NOTICES).where(_NOTICES.c.incident == id)
    sent = sent.order_by(_NOTICES.c.number.desc()).limit(most)
    found = partial(_all, connection)
    return Bundle(
        incident=row.incident,
        reports=tuple(_report(body) for (body,) in reversed(await found(reports))),
        acts=tuple(_act(one) for one in await found(acts)),
        notices=tuple(_sent(one._mapping) for one in reversed(await found(sent))),  # noqa: SLF001
    )


async def _all(connection: AsyncConnection, asked: Executable) -> Sequence[Any]:
    return (await connection.execute(asked)).all()


def _act(row: Any) -> Act:  # noqa: ANN401 - of columns
    return Act(
        id=row.id,
        incident=row.incident,
        does=row.does,
        by=row.done_by,
        at=row.at,
        to=row.given_to,
        text=row.text,
    )


def _sent(row: Mapping[str, Any]) -> Sent:
    return msgspec.convert({name: row[name] for name in Sent.__struct_fields__}, Sent)


def _text(text: str) -> str:
    """Return it as every database keeps it: PostgreSQL has no NUL."""
    return text.replace("\0", " ")
