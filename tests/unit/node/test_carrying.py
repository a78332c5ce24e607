"""What control does about the guard's outbox: nothing is given up before it is kept."""

import asyncio
import base64
import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import (
    KEEP,
    Act,
    Bundle,
    Incident,
    Other,
    Outgoing,
    Settled,
    Yielded,
)
from tta_gateway.features.escalation.register import Away, Heard, Whole
from tta_gateway.node.carrying import ALONE, OPENS, RENEWED, TIDIED, Carrying, Outside
from tta_gateway.support.sql.away import Unavailable


class Guard:
    """A guard with an outbox."""

    def __init__(self) -> None:
        self.node = "n1"
        self.bundles: list[Bundle] = []
        self.settled: list[Settled] = []
        self.wholes: list[bool] = []
        self.is_gone = False
        self.refuses = ""

    async def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        if self.is_gone:
            raise OSError("gone")
        if self.refuses == question["do"]:
            return {"error": {"status": 503, "detail": "it cannot write"}}
        if question["do"] == "outbox":
            self.wholes.append(bool(question["whole"]))
            outgoing = Outgoing(
                node=self.node, name="edge", can_take=True, bundles=tuple(self.bundles)
            )
            return {"outgoing": base64.b64encode(msgspec.msgpack.encode(outgoing)).decode()}
        body = base64.b64decode(str(question["body"]))
        settled = msgspec.msgpack.decode(body, type=Settled)
        self.settled.append(settled)
        self.bundles = [one for one in self.bundles if not set(one.numbers) & set(settled.numbers)]
        return {}


class Kept:
    """A Register."""

    def __init__(self) -> None:
        self.kept: list[Bundle] = []
        self.seen: list[int] = []
        self.heard = Heard(number=7)
        self.has_all = False
        self.spoils = ""
        self.is_away = False
        self.tidied: list[float] = []
        self.forgets = 0

    async def erase(self, person: str, *, id: str, at: float) -> None:
        raise NotImplementedError

    async def tidy(self, keep: float) -> Mapping[str, int]:
        self.tidied.append(keep)
        self.forgets -= 1
        return {"incidents": 1} if self.forgets >= 0 else {}

    async def carry(self, said: Outgoing, *, seen: int) -> Heard:
        if self.is_away:
            raise Away("it is")
        if any(one.incident.person == self.spoils for one in said.bundles):
            raise ValueError("no such text")
        self.kept += said.bundles
        self.seen.append(seen)
        if self.has_all:  # it is said once of each
            gone = [Yielded(id=one.incident.id, holder="two") for one in said.bundles]
            return msgspec.structs.replace(self.heard, yielded=gone)
        return self.heard

    async def page(self, most: int, *, all: bool, skip: int) -> list[Incident]:
        raise NotImplementedError

    async def one(self, id: str, most: int) -> Whole | None:
        raise NotImplementedError

    async def act(self, act: Act, node: str) -> Incident | None:
        raise NotImplementedError


class House:
    """Control's carrying between the two."""

    def __init__(self) -> None:
        self.guard, self.kept = Guard(), Kept()
        self.now, self.is_open, self.shared = 100.0, True, True
        self.opened = self.travelled = 0
        self.is_keyless = False
        self.events: list[tuple[str, dict[str, object]]] = []
        self.carrying = Carrying(
            cast("Outside", self), self, ask=self.guard.ask, travelling=self.travelling
        )

    def travelling(self, bundles: Sequence[Bundle]) -> tuple[Bundle, ...]:
        assert threading.current_thread() is not threading.main_thread()
        if self.is_keyless:
            raise Away("no keys")
        self.travelled += 1
        return tuple(with_key(one) for one in bundles)

    def monotonic(self) -> float:
        return self.now

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, fields))

    def is_shared(self) -> bool:
        return self.shared

    def open(self) -> None:
        self.opened += 1

    def store(self) -> Kept:
        if self.opened:
            raise Unavailable("not yet")
        return self.kept

    def look(self) -> bool:
        return asyncio.run(self.carrying.look())


def with_key(bundle: Bundle) -> Bundle:
    reports = [msgspec.structs.replace(one, evidence=b"with key") for one in bundle.reports]
    return msgspec.structs.replace(bundle, reports=tuple(reports))


def a_bundle(number: int = 1, person: str = "ada") -> Bundle:
    report = a_report(f"r{number}", person=person)
    return Bundle(incident=opened(report, NOW), reports=(report,), numbers=(number,))


def test_what_is_in_the_outbox_is_kept_and_then_given_up() -> None:
    house = House()
    house.guard.bundles = [a_bundle()]
    assert house.look()
    assert [one.reports[0].evidence for one in house.kept.kept] == [b"with key"]
    assert [one.numbers for one in house.guard.settled] == [(1,)]
    assert (house.guard.settled[0].whole, house.carrying.node) == (True, "n1")
    assert not house.look()  # the lease is young
    house.now += RENEWED
    assert not house.look()
    assert house.kept.seen == [0, 7]
    assert house.guard.wholes == [True, False, False]


def test_alone_nothing_is_renewed_each_second_and_no_key_travels() -> None:
    house = House()
    house.shared = False
    house.guard.bundles = [a_bundle()]
    house.look()
    assert house.kept.kept[0].reports[0].evidence == b"sealed"
    house.now += RENEWED
    house.look()
    assert len(house.kept.seen) == 1
    house.now += ALONE
    house.look()
    assert len(house.kept.seen) == 2


def test_a_database_is_opened_with_the_first_incident() -> None:
    house = House()
    house.is_open = False
    assert not house.look()
    assert house.opened == 0
    house.guard.bundles = [a_bundle()]
    assert not house.look()
    assert house.opened == 1
    assert house.events == []  # that takes a while
    house.now += OPENS
    assert not house.look()
    assert [name for name, _ in house.events] == ["incidents_not_carried"]


def test_without_guard_or_database_nothing_is_given_up_and_it_is_told_once() -> None:
    house = House()
    house.guard.bundles = [a_bundle()]
    house.kept.is_away = True
    assert not house.look()
    assert not house.look()
    house.guard.is_gone = True
    house.kept.is_away = False
    assert not house.look()
    house.guard.is_gone, house.guard.refuses = False, "settle"
    assert not house.look()
    house.guard.refuses = "outbox"
    assert not house.look()
    assert len(house.events) == 1
    house.guard.refuses = ""
    house.look()
    assert house.guard.bundles == []
    assert house.kept.seen == [0, 0]  # what was not heard is told again


def test_what_others_say_is_told_an_incident_at_a_time() -> None:
    house = House()
    other = Other(id="w", person="bob", level=2, is_open=True)
    taken = (a_bundle(8), a_bundle(9))
    house.kept.heard = Heard(number=9, bundles=taken, reports=(a_report("r5"),), others=(other,))
    assert house.look()
    one, two, rest = house.guard.settled
    assert (one.bundles + two.bundles, rest.bundles) == (taken, ())
    assert (rest.others, [report.id for report in rest.reports]) == ((other,), ["r5"])


def test_one_that_cannot_be_kept_holds_up_no_other() -> None:
    house = House()
    house.kept.spoils = "bob"
    house.guard.bundles = [a_bundle(1), a_bundle(2, "bob"), a_bundle(3, "eve")]
    assert house.look()
    assert [one.incident.person for one in house.kept.kept] == ["ada", "eve"]
    assert [one.numbers for one in house.guard.bundles] == [(2,)]
    assert {name for name, _ in house.events} == {"incident_not_kept"}


def test_another_file_of_the_guard_hears_all_from_the_beginning() -> None:
    house = House()
    house.look()
    house.guard.node = "n2"
    house.now += RENEWED
    house.look()
    assert house.kept.seen == [0, 0]
    assert house.carrying.node == "n2"


def test_it_goes_on_for_ever() -> None:
    house = House()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError

    house.guard.bundles = [a_bundle()]
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(house.carrying.run(sleep))
    assert pauses == [0.0, 0.5]


def test_what_comes_back_as_it_was_is_no_reason_to_hurry() -> None:
    house = House()
    house.guard.bundles = [a_bundle()]
    assert house.look()
    house.guard.bundles = [msgspec.structs.replace(a_bundle(), numbers=(2,))]
    assert not house.look()
    house.guard.bundles = [a_bundle(3, "bob")]
    assert house.look()


def test_keys_are_asked_for_once_and_nothing_is_carried_without_them() -> None:
    house = House()
    house.guard.bundles = [a_bundle(), a_bundle(2, "bob")]
    house.is_keyless = True
    assert not house.look()
    assert (house.kept.kept, len(house.guard.bundles)) == ([], 2)
    assert house.kept.seen == [0]  # the lease is renewed
    house.is_keyless = False
    assert house.look()
    assert (len(house.kept.kept), house.travelled) == (2, 1)


def test_what_is_yielded_of_one_that_is_carried_by_itself_is_heard() -> None:
    house = House()
    house.kept.spoils, house.kept.has_all = "bob", True
    house.guard.bundles = [a_bundle(), a_bundle(2, "bob")]
    house.look()
    (settled,) = house.guard.settled
    assert [one.id for one in settled.yielded] == [a_bundle().incident.id]


def test_what_nobody_can_keep_is_set_aside_by_the_name_of_its_error() -> None:
    house = House()
    house.kept.spoils = "bob"
    house.guard.bundles = [a_bundle(1), a_bundle(2, "bob")]
    house.look()
    (settled,) = house.guard.settled
    assert (settled.numbers, settled.refused, settled.why) == ((1,), (2,), "ValueError")
    house.kept.spoils = ""
    house.look()
    assert house.guard.settled[-1].refused == ()


def test_what_is_over_for_long_is_looked_for_each_hour_and_counts_are_told() -> None:
    house = House()
    house.kept.forgets = 1
    for _ in range(4):
        house.look()
        house.now += RENEWED
    assert house.kept.tidied == [KEEP, KEEP]  # there was more, and then no more
    assert house.events == [("incidents_tidied", {"incidents": 1})]
    house.now += TIDIED
    house.look()
    assert len(house.kept.tidied) == 3


def test_what_the_guard_says_and_makes_no_sense_is_told() -> None:
    house = House()

    async def nonsense(_: Mapping[str, object]) -> dict[str, Any]:
        return {"outgoing": base64.b64encode(b"\xc1").decode()}

    house.carrying._ask = nonsense
    assert not house.look()
    assert [fields["error"] for _, fields in house.events] == ["DecodeError"]
