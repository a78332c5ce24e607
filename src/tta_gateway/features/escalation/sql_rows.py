"""Incidents in SQL, row by row, sealed and opened; who changes any has locked all (`begun`)."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Executable, Table, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tta_gateway.features.escalation.bound import Act, Bundle, Incident, Sent, Yielded
from tta_gateway.features.escalation.sealing import UNREADABLE, is_clear, left_of, unread
from tta_gateway.features.escalation.sql_keys import Sealing
from tta_gateway.features.escalation.sql_tables import ACTS, CLOCK, INCIDENTS, NOTICES, REPORTS
from tta_gateway.features.escalation.tenure import Row
from tta_gateway.kernel.incident import Report
from tta_gateway.support.crypto.envelope import key_of
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed

_I, _R, _A = INCIDENTS.c, REPORTS.c, ACTS.c
_NOT_FOR_LONG: Final = "SET LOCAL idle_in_transaction_session_timeout = 5000"


class Step:
    """One node at work: nobody else changes anything meanwhile."""

    def __init__(self, connection: AsyncConnection, node: str, sealing: Sealing) -> None:
        """Begin; it is behind all others once `begun` has returned it."""
        self.connection = connection
        self.node = node
        self.sealing = sealing
        self.number = 0
        self.yielded: list[Yielded] = []
        self.alive: frozenset[str] = frozenset()
        """Nodes with a lease."""
        self.lost: Sequence[str] = ()
        """Incidents that nobody looks after, and nobody can read."""

    async def all(self, asked: Executable) -> Sequence[Any]:
        """Return the rows."""
        return (await self.connection.execute(asked)).all()

    async def do(self, asked: Executable, rows: Any = None) -> int:  # noqa: ANN401 - of columns
        """Have it done; return how many rows it was done to."""
        return (await self.connection.execute(asked, rows)).rowcount


async def seen(connection: AsyncConnection, ring: Ring | None) -> Step:
    """Begin to look at what there is."""
    sealing = Sealing(connection, ring)
    await sealing.begin(is_writing=False)
    return Step(connection, "", sealing)


async def begun(connection: AsyncConnection, node: str, ring: Ring | None) -> Step:
    """Begin, behind whoever is at work; one that is stopped meanwhile keeps nobody for long."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(_NOT_FOR_LONG)
    await connection.execute(update(CLOCK).values(number=CLOCK.c.number + 1))
    sealing = Sealing(connection, ring)
    await sealing.begin(is_writing=True)
    made = Step(connection, node, sealing)
    made.number = await connection.scalar(select(CLOCK.c.number)) or 0
    return made


# Incidents


async def rows_of(step: Step, *where: Any, most: int | None = None) -> list[Row]:  # noqa: ANN401
    """Return incidents, the most urgent first; those left out that make no sense."""
    asked = select(INCIDENTS).where(*where).order_by(_I.alarming.desc(), _I.level.desc())
    return await read(step, await step.all(asked.limit(most)))


async def read(step: Step, rows: Sequence[Any]) -> list[Row]:
    """Return rows of incidents as they are read; of those that were erased, what is left."""
    await step.sealing.know(one.body for one in rows)
    made = [(one, _incident(step, one)) for one in rows]
    return [
        Row(
            incident=incident,
            owner=one.owner,
            token=one.token,
            held=one.held,
            part_of=one.part_of,
            is_open=one.open,
        )
        for one, incident in made
        if incident is not None
    ]


def _incident(step: Step, row: Any) -> Incident | None:  # noqa: ANN401 - of columns
    try:
        return step.sealing.seal.read_incident(row.id, row.body)
    except Erased:
        over = row.over or row.opened
        return unread(row.id, level=row.level, drill=row.drill, opened=row.opened, over=over)
    except (NotSealed, msgspec.DecodeError):
        return None


async def put(step: Step, row: Row) -> None:
    """Keep an incident: sealed with the key of the person once it is over, unless it is erased."""
    incident, seal = row.incident, step.sealing.seal
    if not row.is_open:
        erased = await step.sealing.erased([incident.person])
        if incident.opened <= erased.get(incident.person, float("-inf")):
            incident = left_of(incident)
        await step.sealing.prepare([incident.person])
    body = seal.incident(incident, is_open=row.is_open)
    values = {
        "person": seal.mark(incident.person),
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
        "over": 0.0 if row.is_open else incident.resolved or incident.last,
        "sealed": not is_clear(body),
        "key": sealed_by(step, body),
        "body": body,
    }
    if not await step.do(update(INCIDENTS).where(_I.id == incident.id).values(**values)):
        await step.do(insert(INCIDENTS).values(id=incident.id, **values))


async def with_erased(step: Step, rows: Sequence[Row]) -> list[Row]:
    """Return rows that say whose persons have been erased since: who takes over must know."""
    until = await step.sealing.erased({one.incident.person for one in rows})
    return [
        msgspec.structs.replace(
            one,
            incident=msgspec.structs.replace(
                one.incident,
                is_erased=one.incident.opened <= until.get(one.incident.person, float("-inf")),
            ),
        )
        for one in rows
    ]


def own_key(step: Step) -> str:
    """Return the id of the key of the operator's that seals now; nothing if none does."""
    return "" if step.sealing.ring is None else step.sealing.ring.newest.hex()


def sealed_by(step: Step, body: bytes) -> str:
    """Return the id of the key that opens a row: a person's, or the operator's newest."""
    return "" if is_clear(body) else key_of(body).hex() or own_key(step)


async def keep_notices(step: Step, bundle: Bundle) -> None:
    """Keep them as they are: those that nobody has confirmed may be owed no more."""
    of = NOTICES.c.incident == bundle.incident.id
    calls = {one.call for one in bundle.notices}
    gone = or_(NOTICES.c.call.in_(calls), NOTICES.c.confirmed == 0.0)
    await step.do(delete(NOTICES).where(of, gone))
    if bundle.notices:
        rows = [{**_fields(one), "incident": bundle.incident.id} for one in bundle.notices]
        await step.do(insert(NOTICES), rows)


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(value)


async def add_reports(
    step: Step, reports: Sequence[Report], incident: str, *, is_taken: bool
) -> None:
    """Add those that are not here yet; whoever takes them says to which incident they belong."""
    known = await _known(step, REPORTS, (one.id for one in reports))
    if is_taken and known:
        which = update(REPORTS).where(_R.id.in_(known))
        await step.do(which.values(incident=incident, taken=True))
    new = [one for one in reports if storable(one.id) not in known]
    kept = await without_erased(step, new, is_taken=is_taken)
    await step.sealing.prepare(one.person for one in kept)
    bodies = [step.sealing.seal.report(one) for one in kept]
    rows = [
        {
            "id": storable(one.id),
            "incident": incident,
            "node": step.node,
            "at": one.at,
            "taken": is_taken,
            "sealed": not is_clear(body),
            "key": key_of(body).hex(),
            "body": body,
        }
        for one, body in zip(kept, bodies, strict=True)
    ]
    if rows:
        await step.do(insert(REPORTS), rows)


async def without_erased(step: Step, reports: Sequence[Report], *, is_taken: bool) -> list[Report]:
    """Leave out what was erased before it came: a node was away, and did not know.

    What is for another node to take up goes there without what was written.
    """
    if not reports:
        return []
    until = await step.sealing.erased({one.person for one in reports})
    gone = [one.at <= until.get(one.person, float("-inf")) for one in reports]
    found = zip(reports, gone, strict=True)
    return [
        msgspec.structs.replace(one, evidence=b"", rules=()) if is_gone else one
        for one, is_gone in found
        if not (is_gone and is_taken)
    ]


async def add_acts(
    step: Step, acts: Sequence[Act], incident: Incident | None, whole: str, *, is_taken: bool
) -> None:
    """Add those that are not here yet; what was written is about whom the incident is about.

    Who has done something about a part did not know the whole, by whatever token.
    """
    known = await _known(step, ACTS, (one.id for one in acts))
    if is_taken and known:
        await step.do(update(ACTS).where(_A.id.in_(known)).values(taken=True))
    new = [one for one in acts if storable(one.id) not in known]
    if not new:
        return
    person = "" if incident is None else incident.person
    until = (await step.sealing.erased([person])).get(person, float("-inf"))
    await step.sealing.prepare([person])
    await step.do(
        insert(ACTS),
        [
            {
                "id": storable(one.id),
                "number": step.number,
                "incident": whole,
                "does": one.does,
                "done_by": storable(one.by),
                "at": one.at,
                "given_to": "",
                "text": "",
                "node": step.node,
                "taken": is_taken,
                "sealed": True,
                "body": b"" if one.at <= until else step.sealing.seal.words(one, person),
                "level": one.level,
                "seen": one.seen,
                "token": one.token if one.incident == whole else 0,
            }
            for one in new
        ],
    )


async def _known(step: Step, table: Table, ids: Iterable[str]) -> set[str]:
    wanted = [storable(one) for one in ids]
    if not wanted:
        return set()
    return {id for (id,) in await step.all(select(table.c.id).where(table.c.id.in_(wanted)))}


# What is read


async def whole(step: Step, id: str) -> Row | None:
    """Return an incident, or the one that it is a part of."""
    found = next(iter(await rows_of(step, _I.id == id)), None)
    if found is None or not found.part_of:
        return found
    return next(iter(await rows_of(step, _I.id == found.part_of)), found)


async def bundle_of(step: Step, row: Row, most: int, *, is_taken: bool = False) -> Bundle:
    """Return an incident with the newest of what belongs to it; of that, what `is_taken`."""
    id = row.incident.id
    reports = select(_R.id, _R.body).where(_R.incident == id)
    reports = reports.order_by(_R.at.desc(), _R.id.desc()).limit(most)
    acts = select(ACTS).where(_A.incident == id).order_by(_A.number)
    if is_taken:
        reports, acts = reports.where(_R.taken), acts.where(_A.taken)
    sent = select(NOTICES).where(NOTICES.c.incident == id)
    sent = sent.order_by(NOTICES.c.number.desc()).limit(most)
    return Bundle(
        incident=row.incident,
        reports=tuple(reversed(await reports_of(step, await step.all(reports)))),
        acts=tuple(await acts_of(step, await step.all(acts))),
        notices=tuple(_sent(one._mapping) for one in reversed(await step.all(sent))),  # noqa: SLF001
    )


async def reports_of(step: Step, rows: Sequence[Any]) -> list[Report]:
    """Return reports; without those that nobody can read any more."""
    await step.sealing.know(one.body for one in rows)
    found = []
    for one in rows:
        with contextlib.suppress(msgspec.DecodeError, *UNREADABLE):
            found.append(step.sealing.seal.read_report(one.id, one.body))
    return found


async def acts_of(step: Step, rows: Sequence[Any]) -> list[Act]:
    """Return what people have done, with what they have written as far as it can be read."""
    await step.sealing.know(one.body for one in rows)
    return [step.sealing.seal.with_words(act_of(one), one.body or b"") for one in rows]


def act_of(row: Any) -> Act:  # noqa: ANN401 - of columns
    """Return an act as its columns have it, without what is sealed of it."""
    return Act(
        id=row.id,
        incident=row.incident,
        does=row.does,
        by=row.done_by,
        at=row.at,
        to=row.given_to,
        text=row.text,
        level=row.level,
        seen=row.seen,
        token=row.token,
    )


def _sent(row: Mapping[str, Any]) -> Sent:
    return msgspec.convert({name: row[name] for name in Sent.__struct_fields__}, Sent)


def storable(text: str) -> str:
    """Return it as every database keeps it: PostgreSQL has no NUL."""
    return text.replace("\0", " ")
