"""The desk: what control and the command line ask the guard, as one line of JSON, and its answer.

Who asks has reached a socket that is the operator's alone (node/guard_socket.py); who may do what
has been looked at before.  Everything that changes something has an id of its own, so that it can
be asked again when the guard has died over it.
"""

import base64
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from tta_gateway.features.escalation.algorithm import Impossible
from tta_gateway.features.escalation.bound import (
    Act,
    Bundle,
    Does,
    Incident,
    Other,
    Outgoing,
    Settled,
    Yielded,
)
from tta_gateway.features.escalation.service import Escalation, Unknown
from tta_gateway.features.escalation.sqlite_store import is_fault
from tta_gateway.features.escalation.wording import shown, stamp
from tta_gateway.kernel.incident import Report

Answer: TypeAlias = dict[str, Any]
MOST: Final = 1000
"""incidents of an answer"""
NEWEST: Final = 100
"""reports, and notices, that are shown with their incident; how many there are it says itself"""
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_settled = msgspec.msgpack.Decoder(Settled).decode
_ITEMS: Final[Mapping[str, type]] = {
    "bundles": Bundle,
    "reports": Report,
    "acts": Act,
    "others": Other,
    "yielded": Yielded,
}
"""what a `Settled` holds many of"""


class List(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="list"):
    """Incidents behind the first `skip`, those that are over only with `all`."""

    all: bool = False
    most: int = MOST
    skip: int = 0


class Show(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="show"):
    """One incident: its newest reports and notices, and what people have done; or it alone."""

    incident: str
    alone: bool = False


class Do(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="act"):
    """Something that somebody does about an incident."""

    id: str
    incident: str
    does: Does
    by: str
    to: str = ""
    text: str = ""


class Outbox(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="outbox"):
    """What is to be carried to where all nodes read it; with `whole`, all that alarms again."""

    most: int = 100
    whole: bool = False


class Settle(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="settle"):
    """What has come of that: a `Settled`, as MessagePack."""

    body: bytes


Asked: TypeAlias = List | Show | Do | Outbox | Settle
_decode = msgspec.json.Decoder(Asked).decode


class Desk:
    """Answers."""

    def __init__(self, escalation: Escalation, *, wall: Callable[[], float]) -> None:
        """Answer from these."""
        self._escalation = escalation
        self._wall = wall
        self.is_lasting: Callable[[], bool] = lambda: True
        """Tells whether what is kept is on the disk."""

    def answer(self, line: bytes) -> bytes:
        """Return the answer to a line; one with `error` says why there is none, as a status."""
        try:
            told = self._told(_decode(line))
        except msgspec.DecodeError as error:
            told = _refused(400, str(error))
        except Unknown:
            told = _refused(404, "There is no such incident.")
        except Impossible as error:
            told = _refused(409, f"That cannot be done: {error}.")
        except sqlite3.Error as error:
            told = _failed(error)
        return _encode(told)

    def _told(self, asked: Asked) -> Answer:
        if isinstance(asked, List):
            most, skip = min(asked.most, MOST), max(0, asked.skip)
            found = self._escalation.store.incidents(most, all=asked.all, skip=skip)
            return {"incidents": [shown(one) for one in found]}
        if isinstance(asked, Show):
            found_one = self._found(asked.incident)
            return {"incident": shown(found_one)} if asked.alone else self._whole(found_one)
        if isinstance(asked, Outbox):
            if asked.whole:
                self._escalation.show_all()
            return {"outgoing": _pack(self._outgoing(asked.most))}
        if isinstance(asked, Settle):
            return self._settle(*settled_of(asked.body))
        return self._done(asked)

    def _outgoing(self, most: int) -> Outgoing:
        store = self._escalation.store
        return Outgoing(
            node=store.node(),
            name=self._escalation.bound.node,
            can_take=self.is_lasting(),
            bundles=tuple(store.bundles(most)),
            keep=self._escalation.bound.keep,
        )

    def _settle(self, settled: Settled, spoilt: Sequence[str]) -> Answer:
        for what in (*spoilt, *(f"incident {id}" for id in settled.lost)):
            self._escalation.hear_spoilt(what)
        if settled.node != self._escalation.store.node():
            return _refused(409, "The guard has another file by now: ask again.")
        if not self.is_lasting():  # whoever else has them, this node cannot take them back
            settled = msgspec.structs.replace(settled, yielded=())
        self._escalation.settle(settled)
        return {}

    def _done(self, asked: Do) -> Answer:
        act = Act(
            id=asked.id,
            incident=asked.incident,
            does=asked.does,
            by=asked.by,
            at=self._wall(),
            to=asked.to,
            text=asked.text,
        )
        answer: Answer = {"incident": shown(self._escalation.act(act))}
        if asked.does == "read_evidence":
            answer["evidence"] = [
                {"report": one.id, "sealed": base64.b64encode(one.evidence).decode()}
                for one in self._escalation.store.reports(str(answer["incident"]["id"]))
                if one.evidence
            ]
        return answer

    def _found(self, id: str) -> Incident:
        store = self._escalation.store
        found = store.incident(id) or store.part_of(id)
        if found is None:
            raise Unknown(id)
        return found

    def _whole(self, incident: Incident) -> Answer:
        id = incident.id
        return {
            "incident": shown(incident),
            "reports": [report_shown(one) for one in self._escalation.store.reports(id, NEWEST)],
            "notices": [
                {"id": call, "contact": contact, "number": number, "confirmed_at": stamp(at)}
                for call, contact, number, at in self._escalation.store.confirmations(id, NEWEST)
            ],
            "owed": [
                {"id": one.call, "contact": one.contact, "number": one.number, "tries": one.tries}
                for one in self._escalation.store.owed_of(id)
            ],
            "acts": [act_shown(one) for one in self._escalation.store.acts(id)],
        }


def settled_of(body: bytes) -> tuple[Settled, list[str]]:
    """Return what is to be settled, and names of what of it makes no sense: all else is settled.

    msgspec.DecodeError if nothing of it does.
    """
    try:
        return _settled(body), []
    except msgspec.ValidationError:
        told = msgspec.msgpack.decode(body, type=dict[str, Any])
    spoilt = list[str]()
    for name, kind in _ITEMS.items():
        told[name] = list(_sound(told.get(name, ()), kind, spoilt))
    return msgspec.convert(told, Settled), spoilt


def _sound(items: object, kind: type, spoilt: list[str]) -> Iterator[object]:
    """Yield what makes sense of something."""
    for one in items if isinstance(items, list) else ():
        try:
            yield msgspec.convert(one, kind)
        except msgspec.ValidationError:
            known = one.get("incident", one) if isinstance(one, dict) else {}
            id = known.get("id", "") if isinstance(known, dict) else known
            spoilt.append(f"{kind.__name__.lower()} {id}")


def report_shown(report: Report) -> Answer:
    """Return a report as people read it."""
    return {
        "id": report.id,
        "at": stamp(report.at),
        "level": report.level,
        "categories": list(report.categories),
        "rules": list(report.rules),
        "version": report.version,
        "source": report.source,
        "identity": report.identity,
        "route": report.route,
        "service": report.service,
        "correlation_id": report.correlation,
        "delivered": report.delivered,
        "messages": report.messages,
        "text_kept": bool(report.evidence),
        "amends": report.amends or None,
    }


def act_shown(act: Act) -> Answer:
    """Return what somebody has done, as people read it."""
    return {
        "id": act.id,
        "does": act.does,
        "by": act.by,
        "at": stamp(act.at),
        "to": act.to or None,
        "text": act.text or None,
        "level": act.level or None,
    }


def _failed(error: sqlite3.Error) -> Answer:
    if is_fault(error):
        return _refused(503, "The guard cannot write at the moment: ask again.")
    return _refused(409, f"That cannot be done: {type(error).__name__}.")


def _refused(status: int, detail: str) -> Answer:
    return {"error": {"status": status, "detail": detail}}
