"""Incidents of all nodes, as they are listed, shown and acted on at one."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.helpers.incidents import NOW, a_report
from tta_gateway.features.escalation.algorithm import Impossible, acted, opened
from tta_gateway.features.escalation.bound import Act, Incident, Outgoing, Sent
from tta_gateway.features.escalation.register import Away, Heard, Whole
from tta_gateway.features.escalation.wording import shown
from tta_gateway.node.elsewhere import Elsewhere, is_own, refused

OTHERS = opened(a_report("r9", person="bob"), NOW)


class Register:
    """Has one incident of another node."""

    def __init__(self) -> None:
        self.has = [OTHERS]
        self.acts: list[tuple[Act, str]] = []

    async def carry(self, said: Outgoing, *, seen: int) -> Heard:
        raise NotImplementedError

    async def page(self, most: int, *, all: bool, skip: int) -> Sequence[Incident]:
        assert not all
        return self.has[skip : skip + most]

    async def one(self, id: str, most: int) -> Whole | None:
        if id != OTHERS.id or not most:
            return None
        sent = [
            Sent(call="c1", contact="first", number=1, level=2, confirmed=NOW),
            Sent(call="c2", contact="second", number=2, level=2, confirmed=0.0),
        ]
        reports = [a_report("r9"), a_report("r10", evidence=b"")]
        acts = [act for act, _ in self.acts]
        return Whole(incident=OTHERS, node="two", reports=reports, notices=sent, acts=acts)

    async def erase(self, person: str, *, id: str, at: float) -> None:
        raise NotImplementedError

    async def tidy(self, keep: float) -> Mapping[str, int]:
        raise NotImplementedError

    async def act(self, act: Act, node: str) -> Incident | None:
        if act.incident != OTHERS.id:
            return None
        self.acts.append((act, node))
        return acted(OTHERS, act)


def a_place(register: Register) -> Elsewhere:
    return Elsewhere(lambda: register, node=lambda: "n1", wall=lambda: NOW)


def listed(register: Register, *local: Incident, **question: object) -> dict[str, Any]:
    own = [shown(one) for one in local]
    return asyncio.run(a_place(register).list({"all": False, **question}, own))


def test_what_the_guard_says_of_its_own_stands_before_what_was_carried() -> None:
    register = Register()
    own = opened(a_report(), NOW)
    told = listed(register, own)
    assert [one["person"] for one in told["incidents"]] == ["ada", "bob"]
    assert told["passed"] == 1
    register.has = [opened(a_report(), NOW - 1.0), OTHERS]
    (first, _) = listed(register, own)["incidents"]
    assert first == shown(own)
    assert [one["person"] for one in listed(register, own, skip=1)["incidents"]] == ["bob"]


def test_of_a_full_page_only_what_alarms_is_put_first() -> None:
    own = opened(a_report(), NOW)
    act = Act(id="a", incident=own.id, does="acknowledge", by="ben", at=NOW)
    assert len(listed(Register(), own, most=1)["incidents"]) == 2
    assert len(listed(Register(), acted(own, act), most=1)["incidents"]) == 1


def test_one_of_another_node_is_shown_with_all_that_was_carried() -> None:
    place = a_place(Register())
    told = asyncio.run(place.show({"incident": OTHERS.id}))
    assert told is not None
    assert told["incident"]["node"] == "two"
    assert [one["id"] for one in told["reports"]] == ["r9", "r10"]
    assert [one["id"] for one in told["notices"]] == ["c1"]
    assert [one["id"] for one in told["owed"]] == ["c2"]
    alone = asyncio.run(place.show({"incident": OTHERS.id, "alone": True}))
    assert alone is not None
    assert list(alone) == ["incident"]
    assert asyncio.run(place.show({"incident": "x"})) is None


def test_what_somebody_does_is_kept_with_who_and_where() -> None:
    register = Register()
    place = a_place(register)
    question = {"id": "a1", "incident": OTHERS.id, "does": "acknowledge", "by": "ben"}
    told = asyncio.run(place.act(question))
    assert told is not None
    assert told["incident"]["state"] == "acknowledged"
    ((act, node),) = register.acts
    assert (act.by, act.at, node) == ("ben", NOW, "n1")
    read = {**question, "does": "read_evidence", "text": "why"}
    told = asyncio.run(place.act(read))
    assert told is not None
    sealed = base64.b64encode(b"sealed").decode()
    assert told["evidence"] == [{"report": "r9", "sealed": sealed}]
    assert asyncio.run(place.act({**question, "incident": "x"})) is None


def test_whose_an_incident_is_and_why_something_is_refused() -> None:
    own = opened(a_report(), NOW)
    assert is_own(shown(own))
    assert not is_own({**shown(own), "part_of": "w"})
    assert not is_own({**shown(own), "holder": "two"})
    assert refused(Impossible("it is over"))["error"]["status"] == 409
    assert refused(Away("it is"))["error"]["status"] == 503


@pytest.mark.parametrize("does", ["note", "drill"])
def test_what_changes_nothing_is_possible_always(does: Any) -> None:  # noqa: ANN401 - of the table
    act = Act(id="a", incident=OTHERS.id, does=does, by="ben", at=NOW)
    assert acted(OTHERS, act) == OTHERS
