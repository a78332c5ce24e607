"""The desk: one line of JSON asked, one answered."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.helpers.incidents import NOW, House, a_report
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Bundle, Outgoing, Settled, Yielded
from tta_gateway.features.escalation.desk import NEWEST, Desk


class Asking(House):
    """Somebody at the guard's socket."""

    def ask(self, **asked: object) -> dict[str, Any]:
        """Ask, and return the answer."""
        desk = Desk(self.desk, wall=self.outside.wall)
        told: dict[str, Any] = json.loads(desk.answer(json.dumps(asked).encode()))
        return told

    def act_about(self, person: str, does: str) -> None:
        """Do something about a person's incident."""
        found = self.store.open_of(person, drill=False)
        assert found is not None
        self.ask(do="act", id=f"{does} {person}", incident=found.id, does=does, by="ben")

    def act(self, does: str, id: str = "a1", **more: str) -> dict[str, Any]:
        """Do something about the one incident."""
        return self.ask(do="act", id=id, incident=self.only().id, does=does, by="ben", **more)


@pytest.fixture
def house(tmp_path: Path) -> Asking:
    return Asking(tmp_path)


def test_incidents_are_listed_and_those_that_are_over_only_if_asked_for(house: Asking) -> None:
    house.take(a_report())
    assert [one["person"] for one in house.ask(do="list")["incidents"]] == ["ada"]
    house.act("resolve")
    assert house.ask(do="list")["incidents"] == []
    assert len(house.ask(do="list", all=True)["incidents"]) == 1


def test_one_is_shown_with_all_that_belongs_to_it(house: Asking) -> None:
    house.take(a_report(), a_report("r2"))
    (owed,) = house.owed()
    house.desk.confirmed(owed)
    house.act("note", text="called")
    told = house.ask(do="show", incident=house.only().id)
    assert [one["id"] for one in told["reports"]] == ["r1", "r2"]
    assert [one["contact"] for one in told["notices"]] == ["first"]
    assert told["owed"] == []
    assert [(one["does"], one["by"], one["text"], one["level"]) for one in told["acts"]] == [
        ("note", "ben", "called", 2)
    ]
    assert "sealed" not in json.dumps(told)


def test_evidence_is_given_sealed_and_who_has_read_it_is_kept(house: Asking) -> None:
    house.take(a_report(), a_report("r2", evidence=b""))
    told = house.act("read_evidence", text="to help")
    sealed = base64.b64encode(b"sealed").decode()
    assert told["evidence"] == [{"report": "r1", "sealed": sealed}]
    assert house.store.acts(house.only().id)[0].text == "to help"


def test_what_cannot_be_is_said_with_a_status(house: Asking) -> None:
    assert house.ask(do="dance")["error"]["status"] == 400
    assert house.ask(do="drill", id="1", by="ben")["error"]["status"] == 400  # it comes by a worker
    assert house.ask(do="show", incident="none")["error"]["status"] == 404
    house.take(a_report())
    house.act("resolve")
    assert house.act("acknowledge", "a2")["error"]["status"] == 409


def test_a_file_that_cannot_be_written_is_said_to_be_for_a_while(house: Asking) -> None:
    house.take(a_report())
    id = house.only().id
    house.store._db.execute("PRAGMA query_only = 1")
    told = house.ask(do="act", id="a1", incident=id, does="note", by="ben")
    assert told["error"]["status"] == 503


def test_who_has_waited_longest_for_an_answer_is_not_hidden_by_others(house: Asking) -> None:
    house.take(a_report("r0", person="first", level=3))
    house.take(*(a_report(f"r{n}", person=f"p{n}", level=1) for n in range(1, 5)))
    house.act_about("p1", "acknowledge")
    people = [one["person"] for one in house.ask(do="list", most=4)["incidents"]]
    assert people[0] == "first"
    rest = [one["person"] for one in house.ask(do="list", most=4, skip=4)["incidents"]]
    assert rest == ["p1"]


def test_of_very_many_reports_the_newest_are_shown_and_of_an_incident_alone_none(
    house: Asking,
) -> None:
    house.take(*(a_report(f"r{n:03}", at=NOW + n) for n in range(NEWEST + 5)))
    told = house.ask(do="show", incident=house.only().id)
    assert [one["id"] for one in told["reports"]][0::99] == ["r005", "r104"]
    assert told["incident"]["reports"] == NEWEST + 5
    assert list(house.ask(do="show", incident=house.only().id, alone=True)) == ["incident"]


def test_control_gets_what_is_to_be_carried_and_says_what_has_become_of_it(house: Asking) -> None:
    house.take(a_report())

    def outgoing(**more: object) -> Outgoing:
        raw = base64.b64decode(house.ask(do="outbox", **more)["outgoing"])
        return msgspec.msgpack.decode(raw, type=Outgoing)

    def settle(node: str, *numbers: int) -> dict[str, Any]:
        body = msgspec.msgpack.encode(Settled(node=node, numbers=numbers))
        return house.ask(do="settle", body=base64.b64encode(body).decode())

    said = outgoing()
    assert (said.name, said.can_take, said.node) == ("edge-1", True, house.store.node())
    (bundle,) = said.bundles
    assert settle("another", *bundle.numbers)["error"]["status"] == 409
    assert settle(said.node, *bundle.numbers) == {}
    assert outgoing().bundles == ()
    assert len(outgoing(whole=True).bundles) == 1
    assert house.ask(do="settle", body="!")["error"]["status"] == 400
    assert house.ask(do="settle", body="AAAA")["error"]["status"] == 400


def test_nothing_is_yielded_that_could_not_be_taken_back(house: Asking) -> None:
    house.take(a_report())
    (bundle,) = house.store.bundles(9)
    desk = Desk(house.desk, wall=house.outside.wall)
    settled = Settled(
        node=house.store.node(),
        numbers=bundle.numbers,
        yielded=(Yielded(id=bundle.incident.id, holder="two"),),
    )
    body = base64.b64encode(msgspec.msgpack.encode(settled)).decode()
    line = json.dumps({"do": "settle", "body": body}).encode()
    desk.is_lasting = lambda: False
    assert desk.answer(line) == b"{}"
    assert (house.only().holder, house.store.uncarried()) == ("", 0)
    desk.is_lasting = lambda: True
    assert desk.answer(line) == b"{}"
    assert house.only().holder == "two"


def test_what_makes_no_sense_of_what_others_say_holds_up_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    desk = Desk(house.desk, wall=house.outside.wall)
    incident = msgspec.structs.replace(opened(a_report("r7", person="eve"), NOW), token=2)
    good = Bundle(incident=incident, reports=(a_report("r7", person="eve"),))
    told = msgspec.to_builtins(
        Settled(node=house.store.node(), bundles=(good,)), builtin_types=(bytes,)
    )
    spoilt = msgspec.to_builtins(good, builtin_types=(bytes,))
    spoilt["incident"] = {**spoilt["incident"], "id": "new", "state": "of a later version"}
    told["bundles"] = [spoilt, told["bundles"][0]]
    told["yielded"] = [7]
    body = base64.b64encode(msgspec.msgpack.encode(told)).decode()
    line = msgspec.json.encode({"do": "settle", "body": body})
    for _ in range(2):
        assert json.loads(desk.answer(line)) == {}
    people = {one.person for one in house.store.incidents(9, all=True)}
    assert people == {"eve", "unreadable-records"}
    refused = [
        fields["of"] for name, fields in house.outside.events if name == "incident_not_taken"
    ]
    assert sorted(map(str, refused)) == ["bundle new", "yielded "]
    broken = base64.b64encode(b"\xc1").decode()
    line = msgspec.json.encode({"do": "settle", "body": broken})
    assert json.loads(desk.answer(line))["error"]["status"] == 400
