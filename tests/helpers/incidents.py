"""Incidents for tests: reports as workers write them, and a guard's desk without processes."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tta_gateway.features.escalation.bound import (
    EscalationBound,
    Hook,
    Incident,
    Ladder,
    Owed,
    Rung,
)
from tta_gateway.features.escalation.sealing import Seal, secrets_of
from tta_gateway.features.escalation.service import Escalation, Trouble
from tta_gateway.features.escalation.sqlite_store import NAME, SqliteStore
from tta_gateway.features.escalation.trying import NAME as TRYING
from tta_gateway.features.escalation.trying import Trying
from tta_gateway.kernel.incident import Identity, Report, Source
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.metrics import Metric, Registry

NOW = 1_700_000_000.0
LADDER = Ladder((Rung(("first",), 120.0), Rung(("second", "first"), 300.0)), 600.0)
POLICY = EscalationBound(
    node="edge-1",
    link="http://127.0.0.1:8081/admin/v1/incidents",
    contacts=(Hook(name="first", url="http://h/1"), Hook(name="second", url="http://h/2")),
    ladders=(Ladder((Rung(("first",), 3600.0),), 3600.0), LADDER, LADDER),
)


RING = Ring([bytes(range(32))])
"""The operator's key, the same at all nodes."""


def a_seal(keys: KeyStore | None = None, ring: Ring = RING) -> Seal:
    """What seals by these keys; without any of people, by the operator's alone."""
    return Seal(ring, keys, marks=secrets_of(ring))


def a_report(
    id: str = "r1",
    *,
    at: float = NOW,
    person: str = "ada",
    level: int = 2,
    identity: Identity = "verified",
    source: Source = "message",
    delivered: bool = True,
    evidence: bytes = b"sealed",
) -> Report:
    """Somebody has written something."""
    return Report(
        id=id,
        at=at,
        person=person,
        identity=identity,
        level=level,
        categories=("suicide",),
        rules=("s1",),
        version="1",
        source=source,
        route="/chat",
        service="story",
        correlation="c1",
        delivered=delivered,
        evidence=evidence,
    )


@dataclass(frozen=True)
class Written:
    """A record of a journal."""

    segment: str
    end: int
    payload: bytes


def written(report: Report, end: int = 1, segment: str = "0/1") -> Written:
    """A report as it stands in a journal."""
    return Written(segment, end, msgspec.msgpack.encode(report))


@dataclass
class Outside:
    """The rest of a guard, which writes down what it hears."""

    now: float = NOW
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    troubles: list[tuple[Trouble, str, bool]] = field(default_factory=list)
    changes: int = 0

    def wall(self) -> float:
        """The time of day."""
        return self.now

    def chance(self) -> float:
        """Always the longest pause."""
        return 1.0

    def tell(self, event: str, **fields: object) -> None:
        """Take a line of the log."""
        self.events.append((event, fields))

    def trouble(self, kind: Trouble, of: str, *, cause: str, over: bool) -> None:
        """Take an alert."""
        assert cause
        self.troubles.append((kind, of, over))

    def changed(self) -> None:
        """Count."""
        self.changes += 1


class House:
    """A guard's desk in a folder, which can be opened again as the next guard would."""

    def __init__(self, folder: Path, *, policy: EscalationBound = POLICY) -> None:
        self.folder = folder
        self.policy = policy
        self.outside = Outside()
        self.open()

    def open(self) -> None:
        """Begin as a guard does, with what stands in the folder."""
        self.keys = KeyStore(self.folder, RING)
        self.store = SqliteStore(self.folder / NAME, a_seal(self.keys))
        self.trying = Trying(self.folder / TRYING)
        self.counts = Registry()
        self.desk = Escalation(self.store, self.trying, self.outside, self.counts)
        self.desk.adopt(self.policy)

    def close(self) -> None:
        """End as a guard that is killed: nothing is tidied up."""
        self.store.close()
        self.keys.close()
        self.trying.close()

    def take(self, *reports: Report) -> None:
        """Take reports of a journal."""
        begin = self.desk.marks.get("0/1", 0)
        self.desk.take([written(one, begin + at) for at, one in enumerate(reports, 1)])

    def owed(self) -> list[Owed]:
        """What is owed to contacts that there are, due or not."""
        names = [one.name for one in self.desk.bound.contacts]
        return [owed for name in names for owed in self.store.owed(name, float("inf"), 99)]

    def only(self) -> Incident:
        """The one incident that there is."""
        (found,) = self.store.incidents(10, all=True)
        return found

    def counted(self, metric: Metric, *values: str) -> list[float]:
        """What has been counted."""
        return self.counts.child(metric, *values).values()
