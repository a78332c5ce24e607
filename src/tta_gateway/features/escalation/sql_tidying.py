"""What leaves SQL: a person who is erased, and what has been over for as long as it is kept.

And what older versions wrote is sealed.  Nothing that is open is deleted, nor what somebody has not
taken up yet.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import case, delete, exists, false, func, or_, select, update

from tta_gateway.features.escalation.sealing import ERASED
from tta_gateway.features.escalation.sql_rows import Step, act_of, put, read, without_erased
from tta_gateway.features.escalation.sql_tables import ACTS, INCIDENTS, KEYS, NOTICES, REPORTS
from tta_gateway.kernel.incident import NETWORK, Report
from tta_gateway.support.crypto.envelope import key_of

MOST: Final = 100
_I, _R, _A = INCIDENTS.c, REPORTS.c, ACTS.c
_report = msgspec.msgpack.Decoder(Report).decode


async def erase(step: Step, person: str, *, id: str, at: float) -> None:
    """Destroy the key of a person; where nothing is sealed, what was written is deleted."""
    if not await step.sealing.erase(person, id=id, at=at) or step.sealing.ring is not None:
        return
    name = step.sealing.seal.mark(person)
    whose = _I.person == name
    if person.startswith(f"{NETWORK}/"):
        whose = or_(whose, _I.person.startswith(f"{name}/", autoescape=True))
    of = select(_I.id).where(whose)
    await step.do(delete(REPORTS).where(_R.taken, _R.incident.in_(of)))
    await step.do(update(ACTS).where(_A.incident.in_(of)).values(text="", given_to="", body=b""))
    rows = await step.all(select(INCIDENTS).where(whose, ~_I.open))
    for row in await read(step, rows):
        await put(step, row)  # which leaves nothing of whom it is about


async def tidy(step: Step, before: float) -> Mapping[str, int]:
    """Do some of all that; return how many of what."""
    done = await _forget(step, before)
    done["sealed"] = await _seal(step)
    done["rewrapped"] = await step.sealing.rewrap() + await _renew(step)
    return {name: number for name, number in done.items() if number}


async def _forget(step: Step, before: float) -> dict[str, int]:
    is_there = or_(_R.key == "", exists().where(KEYS.c.id == _R.key))  # else it is erased
    left = or_(
        exists().where(_R.incident == _I.id, _R.taken == false(), is_there),
        exists().where(_A.incident == _I.id, _A.taken == false()),
    )
    asked = select(_I.id).where(~_I.open, _I.over > 0.0, _I.over < before, ~left).limit(MOST)
    gone = [str(id) for (id,) in await step.all(asked)]
    if not gone:
        return {}
    await step.do(delete(NOTICES).where(NOTICES.c.incident.in_(gone)))
    return {
        "reports": await step.do(delete(REPORTS).where(_R.incident.in_(gone))),
        "acts": await step.do(delete(ACTS).where(_A.incident.in_(gone))),
        "incidents": await step.do(delete(INCIDENTS).where(_I.id.in_(gone))),
    }


# What older versions wrote


async def _seal(step: Step) -> int:
    """Seal some of it; without keys of all nodes, note at least since when it is over."""
    unknown = _I.over.is_(None)
    is_old = unknown if step.sealing.ring is None else or_(unknown, ~_I.sealed)
    rows = await step.all(select(INCIDENTS).where(is_old).limit(MOST))
    found = await read(step, rows)
    for row in found:
        await put(step, row)
    for id in {one.id for one in rows} - {one.incident.id for one in found}:
        # Nobody can make anything of it: it is left as it is, and not looked at again.
        over = case((_I.open, 0.0), else_=func.coalesce(_I.over, _I.opened))
        await step.do(update(INCIDENTS).where(_I.id == id).values(sealed=True, over=over))
    if step.sealing.ring is None:
        return 0
    return len(rows) + await _seal_reports(step) + await _seal_acts(step)


async def _seal_reports(step: Step) -> int:
    rows = await step.all(select(_R.id, _R.body, _R.taken).where(~_R.sealed).limit(MOST))
    for row in rows:
        one = _decoded(row.body)
        if one is None:  # nobody can make anything of it
            await step.do(update(REPORTS).where(_R.id == row.id).values(sealed=True))
            continue
        kept = await without_erased(step, [one], is_taken=row.taken)
        if not kept:
            await step.do(delete(REPORTS).where(_R.id == row.id))
            continue
        await step.sealing.prepare([one.person])
        body = step.sealing.seal.report(kept[0])
        values = {"sealed": True, "key": key_of(body).hex(), "body": body}
        await step.do(update(REPORTS).where(_R.id == row.id).values(**values))
    return len(rows)


def _decoded(body: bytes) -> Report | None:
    try:
        return _report(body)
    except msgspec.DecodeError:
        return None


async def _seal_acts(step: Step) -> int:
    rows = await step.all(select(ACTS).where(~_A.sealed).limit(MOST))
    people = await _people(step, [row.incident for row in rows])
    await step.sealing.prepare(people.values())
    until = await step.sealing.erased(people.values())
    for row in rows:
        person = people.get(row.incident, "")
        act = act_of(row)
        is_gone = person == ERASED or act.at <= until.get(person, float("-inf"))
        body = b"" if is_gone else step.sealing.seal.words(act, person)
        values = {"sealed": True, "given_to": "", "text": "", "body": body}
        await step.do(update(ACTS).where(_A.id == row.id).values(**values))
    return len(rows)


async def _people(step: Step, incidents: Sequence[str]) -> dict[str, str]:
    rows = await step.all(select(INCIDENTS).where(_I.id.in_(set(incidents))))
    return {one.incident.id: one.incident.person for one in await read(step, rows)}


async def _renew(step: Step) -> int:
    """Seal with the operator's newest key what an older one has: that may be taken away then."""
    asked = select(INCIDENTS).where(_I.sealed, _I.key.in_(step.sealing.older())).limit(MOST)
    found = await read(step, await step.all(asked))
    for row in found:
        await put(step, row)
    return len(found)
