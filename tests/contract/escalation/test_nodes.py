"""Two nodes over one database: one acts, the other takes over, and people are never left alone."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from tests.helpers.incident_nodes import Nodes
from tests.helpers.incidents import a_report
from tta_gateway.features.escalation.algorithm import GRACE
from tta_gateway.features.escalation.bound import Incident, State
from tta_gateway.features.escalation.tenure import LEASE
from tta_gateway.kernel.incident import Report
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e
Work = Callable[[Nodes], Awaitable[None]]


@pytest.fixture
def on(url: DatabaseUrl, tmp_path: Path) -> Callable[[Work], None]:
    """Does work with two nodes."""

    async def done(work: Work) -> None:
        async with Nodes(tmp_path, url, skews=(0.0, 0.0)) as nodes:
            await work(nodes)

    return lambda work: asyncio.run(done(work))


def test_incidents_outlive_the_disk_and_are_listed_at_every_node(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(), a_report("r2"))
        nodes.one.call()
        assert await nodes.two.list() == []
        await nodes.one.carry()
        assert nodes.one.store.uncarried() == 0
        (listed,) = await nodes.two.list()
        assert (listed["person"], listed["reports"], listed["state"]) == ("ada", 2, "notified")
        whole = await nodes.two.elsewhere.show({"incident": listed["id"]})
        assert whole is not None
        assert whole["incident"]["node"] == "one"
        assert [one["id"] for one in whole["reports"]] == ["r1", "r2"]
        assert [one["contact"] for one in whole["notices"]] == ["first"]
        await nodes.two.carry()
        assert nodes.two.call() == []  # the other one has a lease

    on(work)


def test_what_is_carried_twice_comes_to_the_same(on: Callable[[Work], None]) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        await nodes.one.act(nodes.one.only().id, "note")
        before = None
        for _ in range(3):
            nodes.one.store.carry("report", "r1", nodes.one.only().id)
            nodes.one.store.carry("act", "a1", nodes.one.only().id)
            await nodes.one.carry()
            counts = [
                await nodes.rows(f"SELECT count(*) FROM {table}")
                for table in ("incidents", "incident_reports", "incident_acts", "incident_notices")
            ]
            assert before in (None, counts)
            before = counts
        assert before == [[(1,)], [(1,)], [(1,)], [(1,)]]

    on(work)


def test_an_act_at_another_node_is_durable_and_reaches_who_has_the_incident(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(1)
        id = nodes.one.only().id
        told = await nodes.two.act(id)
        assert told["incident"]["state"] == "acknowledged"
        assert (await nodes.two.act(id))["incident"]["state"] == "acknowledged"  # the same id
        (listed,) = await nodes.two.list()
        assert listed["carer"] == "ben"
        assert nodes.one.alarming()
        await nodes.rounds(2)
        assert nodes.one.only().state is State.ACKNOWLEDGED
        nodes.time.now += 3600.0
        assert nodes.one.call() == []
        rows = await nodes.rows("SELECT id, does, done_by, taken FROM incident_acts")
        assert [(id, does, by, bool(taken)) for id, does, by, taken in rows] == [
            ("a1", "acknowledge", "ben", True)
        ]

    on(work)


def test_a_node_that_is_gone_is_taken_over_by_the_same_notice_and_one_that_returns_is_quiet(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(evidence=b"words"))
        first = nodes.one.call()
        await nodes.rounds(1)
        nodes.time.now += LEASE - 1.0
        await nodes.two.carry(2)
        assert nodes.two.call() == []
        nodes.time.now += 2.0
        await nodes.two.carry(2)
        assert nodes.two.call() == first
        (taken,) = nodes.two.store.incidents(9, all=True)
        assert (taken.token, taken.holder, taken.reports) == (2, "", 1)
        assert [one.evidence for one in nodes.two.store.reports(taken.id)] == [b"words"]
        assert nodes.one.alarming()  # it has slept
        await nodes.one.carry()
        assert nodes.one.alarming() == {}
        assert nodes.one.call() == []
        # It goes on at the second, which is answered at the first.
        nodes.time.now += 120.0
        assert len(nodes.two.call()) == 2
        assert (await nodes.one.act(taken.id))["incident"]["state"] == "acknowledged"
        await nodes.rounds(2)
        assert nodes.two.alarming() == {}

    on(work)


def test_without_the_database_who_has_an_incident_goes_on(on: Callable[[Work], None]) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(1)
        for one in nodes.all:
            one.is_cut = True
        nodes.time.now += 120.0
        await nodes.rounds(2)
        assert nodes.one.call()
        assert nodes.two.call() == []
        nodes.two.is_cut = False
        await nodes.two.carry(2)
        assert nodes.two.call()  # a line that is cut looks like a node that is gone
        nodes.one.is_cut = False
        await nodes.one.carry()
        assert set(nodes.two.alarming()) == {"ada"}
        assert nodes.one.alarming() == {}

    on(work)


def test_who_writes_to_two_nodes_has_one_incident_and_the_second_call_is_spared(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(2)
        nodes.two.take(a_report("r2"))
        part = nodes.two.only()
        assert part.part_of == nodes.one.only().id
        assert nodes.two.call() == []
        await nodes.rounds(3)
        assert nodes.two.alarming() == {}
        assert nodes.one.only().reports == 2
        (listed,) = await nodes.two.list()
        assert (listed["id"], listed["reports"]) == (part.part_of, 2)
        nodes.time.now += GRACE
        assert nodes.two.call() == []
        # Whoever knows of the part answers for the whole.
        assert (await nodes.two.act(part.id))["incident"]["id"] == part.part_of
        await nodes.rounds(2)
        assert nodes.one.alarming() == {}

    on(work)


def test_two_that_nobody_knew_to_be_one_are_folded_and_what_is_graver_is_called_at_once(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.two.take(a_report("r2"))
        assert nodes.one.call()
        assert nodes.two.call()
        await nodes.rounds(4)
        assert [len(one.alarming()) for one in nodes.all] == [1, 0]
        nodes.two.take(a_report("r3", level=3))
        assert nodes.two.call()
        await nodes.rounds(4)
        assert [len(one.alarming()) for one in nodes.all] == [1, 0]
        assert nodes.one.alarming()["ada"].level == 3
        assert nodes.one.alarming()["ada"].reports == 3

    on(work)


def test_a_part_is_called_about_if_nobody_takes_it_up(on: Callable[[Work], None]) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(2)
        nodes.two.is_cut = True
        nodes.two.take(a_report("r2"))
        nodes.time.now += GRACE
        assert nodes.two.call()
        (owed,) = nodes.two.alarming().values()
        assert owed.part_of == nodes.one.only().id
        # Its whole ends while it waits: it stands by itself.
        await nodes.one.act(nodes.one.only().id, "resolve")
        await nodes.one.carry()
        nodes.two.is_cut = False
        await nodes.rounds(3)
        (listed,) = await nodes.one.list()
        assert (listed["id"], listed["state"]) == (owed.id, "notified")
        assert nodes.two.alarming()

    on(work)


def test_another_file_is_another_node_and_takes_over_what_the_lost_one_had(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        first = nodes.one.call()
        await nodes.one.carry()
        nodes.one.close()
        for file in nodes.one.folder.iterdir():
            file.unlink()
        nodes.one.open()
        assert nodes.one.alarming() == {}
        nodes.time.now += LEASE + 1.0
        await nodes.one.carry(2)
        assert nodes.one.call() == first

    on(work)


def test_who_takes_back_what_another_node_had_knows_what_is_graver(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(2)
        nodes.one.is_cut = True
        nodes.one.take(a_report("r2", level=3))
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        await nodes.two.act(nodes.two.only().id)
        await nodes.two.carry(2)
        assert nodes.two.alarming() == {}
        nodes.two.is_cut, nodes.one.is_cut = True, False
        nodes.time.now += LEASE + 1.0
        await nodes.one.carry(4)
        made = nodes.one.only()
        assert (made.level, made.reports, made.token) == (3, 2, 3)
        assert nodes.one.call()
        assert nodes.one.store.uncarried() == 1  # the call

    on(work)


@pytest.mark.parametrize("is_carried", [True, False])
def test_what_came_while_another_node_s_people_said_it_is_over_is_called_about(
    on: Callable[[Work], None], *, is_carried: bool
) -> None:
    """The other node is gone for ever, before or after it could have heard of the report."""

    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(2)
        nodes.one.is_cut = True
        nodes.one.take(a_report("r2"))
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        await nodes.two.act(nodes.two.only().id, "resolve")
        await nodes.two.carry(2)
        nodes.one.is_cut, nodes.two.is_cut = False, True
        if is_carried:
            await nodes.one.carry(2)
            assert nodes.one.alarming() == {}  # the other one has a lease
        nodes.time.now += LEASE + 1.0
        await nodes.one.carry(4)
        assert nodes.one.call()
        await nodes.one.carry(4)
        assert nodes.one.store.uncarried() == 0
        assert await nodes.rows("SELECT id FROM incident_reports WHERE NOT taken") == []
        (listed,) = await nodes.one.list()
        assert (listed["state"], listed["reports"]) == ("notified", 2)
        nodes.two.is_cut = False
        await nodes.rounds(3)
        assert (list(nodes.one.alarming()), nodes.two.alarming()) == (["ada"], {})

    on(work)


def test_a_report_of_what_is_over_at_a_node_that_is_gone_begins_anew_at_any_other(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        await nodes.one.carry()
        id = nodes.one.only().id
        nodes.one.is_cut = True
        nodes.one.take(a_report("r2"))
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        await nodes.two.act(id, "resolve")
        await nodes.two.carry(2)
        nodes.one.is_cut = False
        await nodes.one.carry(2)
        nodes.one.close()
        for file in nodes.one.folder.iterdir():
            file.unlink()
        nodes.one.open()
        nodes.time.now += LEASE + 1.0
        await nodes.one.carry(6)
        (made,) = nodes.one.alarming().values()
        assert made.id != id
        over = nodes.one.store.incident(id)
        assert over is not None
        assert over.state is State.RESOLVED
        assert nodes.one.store.uncarried() == 0
        assert await nodes.rows("SELECT id FROM incident_reports WHERE NOT taken") == []

    on(work)


def test_what_was_done_meanwhile_is_kept_even_if_it_can_be_done_no_more(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        id = nodes.one.only().id
        await nodes.rounds(1)
        await nodes.two.act(id, "acknowledge", "a2")
        await nodes.one.act(id, "resolve", "a1")
        await nodes.rounds(3)
        assert nodes.one.only().state is State.RESOLVED
        rows = await nodes.rows("SELECT id, taken FROM incident_acts ORDER BY id")
        assert [(id, bool(taken)) for id, taken in rows] == [("a1", True), ("a2", True)]

    on(work)


def test_what_somebody_unknown_wrote_at_two_nodes_is_folded_by_who_takes_the_whole_over(
    on: Callable[[Work], None],
) -> None:
    """Their incident is known by what they write through as well, their reports are not."""

    def unknown(id: str) -> Report:
        made = a_report(id, person="network/1", identity="unknown")
        return msgspec.structs.replace(made, conversation="c")

    async def work(nodes: Nodes) -> None:
        nodes.one.take(unknown("r1"))
        nodes.one.call()
        await nodes.one.carry()
        nodes.two.take(unknown("r2"))
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(6)
        (whole,) = nodes.two.alarming().values()
        assert (whole.person, whole.reports) == ("network/1/c", 2)
        assert nodes.two.store.uncarried() == 0
        assert await nodes.rows("SELECT id FROM incident_reports WHERE NOT taken") == []

    on(work)


def test_a_part_that_stands_by_itself_is_the_whole_of_what_is_taken_over(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(2)
        nodes.two.take(a_report("r2"))
        nodes.two.is_cut = True
        await nodes.one.act(nodes.one.only().id, "resolve")
        await nodes.one.carry()
        nodes.two.is_cut = False
        await nodes.two.carry(2)
        own = nodes.two.store.open_of("ada", drill=False)
        assert own is not None
        assert own.part_of == ""
        # Another part of it comes from a node that is gone then.
        nodes.one.take(a_report("r3"))
        await nodes.one.carry()
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(6)
        (whole,) = nodes.two.alarming().values()
        assert (whole.id, whole.reports) == (own.id, 2)
        assert nodes.two.store.uncarried() == 0

    on(work)


def the_first(nodes: Nodes) -> Incident:
    """The incident that the first node calls about."""
    (found,) = nodes.one.alarming().values()
    return found


@pytest.mark.parametrize("does", ["acknowledge", "hand_over", "resolve"])
@pytest.mark.parametrize("is_at_its_own", [True, False])
def test_what_was_done_elsewhere_silences_nothing_graver_that_came_here_before_it_was_heard_of(
    on: Callable[[Work], None], does: str, *, is_at_its_own: bool
) -> None:
    """The graver message comes to who has the incident, or to where they have answered."""

    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(2)
        told = await nodes.two.act(nodes.one.only().id, does)
        assert told["incident"]["level"] == 2
        at = nodes.one if is_at_its_own else nodes.two
        at.take(a_report("r2", level=3))
        assert at.call()
        await nodes.rounds(4)
        (calling,) = [one.alarming()["ada"] for one in nodes.all if one.alarming()]
        assert calling.level == 3
        (listed,) = await nodes.two.list()
        assert listed["level"] == 3
        assert listed["next_call_at"]
        (act,) = [act for one in nodes.all for act in one.store.acts(told["incident"]["id"])]
        assert (act.does, act.by, act.level) == (does, "ben", 2)
        # Who knows of it ends it.
        await nodes.two.act(calling.id, does, "a2")
        await nodes.rounds(3)
        assert [one.alarming() for one in nodes.all] == [{}, {}]

    on(work)


def test_what_came_here_before_it_was_heard_that_all_is_over_stays_open(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report())
        nodes.one.call()
        await nodes.rounds(2)
        id = nodes.one.only().id
        await nodes.one.act(id, "acknowledge", "a1")
        await nodes.one.carry()
        await nodes.two.act(id, "resolve", "a2")
        nodes.one.take(a_report("r2"))
        assert nodes.one.call() == []  # somebody looks after them, for all that is known here
        await nodes.rounds(3)
        assert (the_first(nodes).id, the_first(nodes).state) == (id, State.REOPENED)
        assert nodes.one.call()
        await nodes.one.carry()
        (listed,) = await nodes.two.list()
        assert (listed["reports"], listed["state"]) == (2, "notified")

    on(work)


def test_who_has_answered_without_the_database_ends_what_they_could_know_and_nothing_else(
    on: Callable[[Work], None],
) -> None:
    """What was done at a node that is cut off is heard of later than a first rung has time."""

    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(), a_report("b1", person="bob"))
        nodes.one.call()
        await nodes.rounds(2)
        nodes.one.is_cut = True
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        nodes.two.call()
        for number, incident in enumerate(nodes.one.store.alarming()):
            await nodes.one.act(incident.id, id=f"a{number}")
        assert nodes.one.alarming() == {}
        for _ in range(24):
            nodes.time.now += 10.0
            await nodes.two.carry()
        nodes.two.take(a_report("r2"))
        nodes.one.is_cut = False
        await nodes.rounds(3)
        assert (list(nodes.two.alarming()), nodes.one.alarming()) == (["ada"], {})

    on(work)
