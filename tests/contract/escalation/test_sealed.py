"""What all nodes keep in SQL: read by nobody who has a copy, gone with a key, kept for so long."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, inspect, select, update

from tests.helpers.incident_nodes import Node, Nodes
from tests.helpers.incidents import NOW, RING, a_report
from tta_gateway.features.escalation.algorithm import Impossible, is_alarming
from tta_gateway.features.escalation.bound import Act
from tta_gateway.features.escalation.sealing import ERASED
from tta_gateway.features.escalation.sql_tables import INCIDENTS, KEYS, REPORTS
from tta_gateway.features.escalation.tenure import LEASE
from tta_gateway.kernel.incident import Identity
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.sql.url import DatabaseUrl

pytestmark = pytest.mark.e2e
Work = Callable[[Nodes], Awaitable[None]]
TABLES = ("incidents", "incident_reports", "incident_acts", "incident_keys", "incident_erasures")
KEEP = 100.0


@pytest.fixture
def on(url: DatabaseUrl, tmp_path: Path) -> Callable[[Work], None]:
    """Does work with two nodes."""

    async def done(work: Work) -> None:
        async with Nodes(tmp_path, url, skews=(0.0, 0.0)) as nodes:
            await work(nodes)

    return lambda work: asyncio.run(done(work))


async def dump(nodes: Nodes) -> bytes:
    """All that stands in the database, and in the files of the nodes."""
    found = []
    for table in TABLES:
        for row in await nodes.rows(f"SELECT * FROM {table}"):
            found += [bytes(one) if isinstance(one, memoryview) else one for one in row]
    texts = [one if isinstance(one, bytes) else str(one).encode() for one in found]
    files = [file.read_bytes() for one in nodes.all for file in one.folder.glob("guard.sqlite*")]
    return b"\0".join((*texts, *files))


async def erase(nodes: Nodes, *at: Node, id: str = "e1") -> None:
    """Have these nodes do what was decided: each its own key, and that of all."""
    for one in at:
        one.keys.erase("canary-ada", once=id)
        await one.register.erase("canary-ada", id=id, at=nodes.time.now)


async def noted(node: Node, incident: str, does: str, id: str) -> None:
    question = {"do": "act", "id": id, "incident": incident, "does": does, "by": "ben"}
    await node.ask({**question, "text": "canary-note", "to": "canary-ward"})


def test_nobody_who_has_a_copy_reads_who_is_in_need_or_what_was_written(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(person="canary-ada", evidence=b"canary-words"))
        id = nodes.one.only().id
        await noted(nodes.one, id, "hand_over", "a1")
        await nodes.rounds(2)
        whole = await nodes.two.elsewhere.show({"incident": id})
        assert whole is not None
        assert (whole["incident"]["person"], whole["acts"][0]["text"]) == (
            "canary-ada",
            "canary-note",
        )
        assert whole["acts"][0]["to"] == "canary-ward"
        assert nodes.two.store.other_of("canary-ada") is not None
        await noted(nodes.one, id, "resolve", "a2")
        await nodes.rounds(2)
        (over,) = await nodes.two.list(all=True)
        assert (over["person"], over["state"]) == ("canary-ada", "resolved")
        assert b"canary" not in await dump(nodes)

    on(work)


def test_an_erasure_at_one_node_makes_copies_of_all_unreadable_and_what_is_open_still_calls(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(person="canary-ada", evidence=b"words"))
        first = nodes.one.call()
        id = nodes.one.only().id
        await noted(nodes.one, id, "note", "a1")
        await nodes.rounds(1)
        nodes.time.now += 1.0
        await erase(nodes, nodes.two)  # the first one is away
        whole = await nodes.register.one(id, 9)
        assert whole is not None
        assert (whole.reports, [one.text for one in whole.acts]) == ((), [""])
        assert (whole.incident.person, is_alarming(whole.incident)) == ("canary-ada", True)
        await erase(nodes, nodes.one)
        assert nodes.one.store.reports(id) == []
        assert [one.text for one in nodes.one.store.acts(id)] == [""]
        # Another one takes it over, and calls by the same notice.
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        assert nodes.two.call() == first
        assert nodes.two.store.reports(id) == []
        # Who writes again has a new key.
        nodes.two.take(a_report("r3", at=nodes.time.now, person="canary-ada", evidence=b"new"))
        await nodes.rounds(2)
        (made,) = nodes.two.alarming().values()
        whole = await nodes.register.one(made.id, 9)
        assert whole is not None
        assert [one.evidence for one in whole.reports] == [b"new"]

    on(work)


def test_what_a_node_that_was_away_brings_from_before_an_erasure_is_not_kept(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(person="canary-ada", evidence=b"words"))
        id = nodes.one.only().id
        await nodes.rounds(1)
        nodes.time.now += 1.0
        await erase(nodes, nodes.two)
        nodes.one.take(a_report("r2", at=NOW, person="canary-ada", evidence=b"words"))
        await noted(nodes.one, id, "note", "a2")
        await nodes.one.carry()
        whole = await nodes.register.one(id, 9)
        assert whole is not None
        assert whole.reports == ()
        assert whole.incident.reports == 2
        assert b"canary" not in await dump(nodes)

    on(work)


def test_once_it_is_over_nothing_is_left_of_a_person_who_was_erased_meanwhile(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(person="canary-ada", evidence=b"words"))
        id = nodes.one.only().id
        await nodes.rounds(1)
        nodes.time.now += 1.0
        await erase(nodes, nodes.one, nodes.two)
        await nodes.two.act(id, "resolve", "a3")
        await nodes.rounds(3)
        for one in nodes.all:
            assert [told["person"] for told in await one.list(all=True)] == [ERASED]
        assert (await nodes.one.act(id, "reopen", "a4"))["error"]["status"] == 409
        again = Act(id="a5", incident=id, does="reopen", by="ben", at=nodes.time.now)
        with pytest.raises(Impossible):
            await nodes.register.act(again, "n")

    on(work)


def test_who_takes_over_what_was_erased_before_keeps_nothing_once_it_is_over(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(person="canary-ada"))
        id = nodes.one.only().id
        await nodes.rounds(1)
        nodes.time.now += 1.0
        await erase(nodes, nodes.one, nodes.two)
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        assert list(nodes.two.alarming()) == ["canary-ada"]
        await noted(nodes.two, id, "resolve", "a3")
        await nodes.rounds(2)
        for one in nodes.all:
            assert [told["person"] for told in await one.list(all=True)] == [ERASED]
            assert [kept.person for kept in one.store.incidents(9, all=True)] == [ERASED]

    on(work)


def test_what_is_erased_while_another_node_is_to_take_it_up_is_called_about(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(person="canary-ada"))
        nodes.one.call()
        await nodes.rounds(2)
        nodes.two.take(a_report("r2", person="canary-ada", level=3))
        await nodes.two.carry()
        await erase(nodes, nodes.one, nodes.two)
        await nodes.rounds(4)
        assert nodes.two.call()  # nobody else could take it up
        assert 3 in {one.level for one in nodes.two.alarming().values()}

    on(work)


def test_what_is_over_for_so_long_is_deleted_and_what_is_open_never(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(), a_report("r2", person="bob"))
        ada, bob = (nodes.one.store.open_of(one, drill=False) for one in ("ada", "bob"))
        assert ada is not None
        assert bob is not None
        await noted(nodes.one, ada.id, "resolve", "a1")
        await nodes.rounds(1)
        assert await nodes.register.tidy(KEEP) == {}
        nodes.time.now += KEEP + 10.0
        done = await nodes.register.tidy(KEEP)
        assert done == {"incidents": 1, "reports": 1, "acts": 1}
        assert await nodes.register.tidy(KEEP) == {}
        assert await nodes.rows("SELECT id FROM incidents") == [(bob.id,)]
        assert await nodes.rows("SELECT id FROM incident_reports") == [("r2",)]
        assert await nodes.rows("SELECT count(*) FROM incident_acts") == [(0,)]
        assert await nodes.rows("SELECT DISTINCT incident FROM incident_notices") in (
            [],
            [(bob.id,)],
        )

    on(work)


def test_what_an_older_version_wrote_is_read_and_sealed(on: Callable[[Work], None]) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.ring = None  # as it wrote
        nodes.one.take(a_report(person="canary-ada", evidence=b"canary-words"))
        nodes.one.take(a_report("r2", person="canary-bob"))
        ada = nodes.one.store.open_of("canary-ada", drill=False)
        assert ada is not None
        await noted(nodes.one, ada.id, "resolve", "a1")
        await nodes.rounds(1)
        async with nodes.database.write() as connection:
            await connection.exec_driver_sql("UPDATE incidents SET over = NULL")
            await connection.exec_driver_sql(
                "UPDATE incident_acts SET text = 'canary-note', body = NULL, sealed = false"
            )
        assert b"canary-words" in await dump(nodes)
        nodes.ring = RING
        (listed,) = await nodes.two.list()
        assert listed["person"] == "canary-bob"
        while await nodes.register.tidy(KEEP):
            pass
        assert b"canary" not in await dump(nodes)
        whole = await nodes.register.one(ada.id, 9)
        assert whole is not None
        assert (whole.incident.person, len(whole.reports)) == ("canary-ada", 1)
        assert [one.text for one in whole.acts] == ["canary-note"]
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        assert list(nodes.two.alarming()) == ["canary-bob"]
        assert (await nodes.rows("SELECT over FROM incidents WHERE NOT open")) != [(None,)]

    on(work)


def test_the_operator_s_key_is_changed_and_nothing_is_lost(on: Callable[[Work], None]) -> None:
    newer = bytes(range(1, 33))

    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(evidence=b"words"))
        await nodes.rounds(1)
        nodes.ring = Ring([newer, bytes(range(32))])
        assert (await nodes.register.tidy(KEEP))["rewrapped"] == 3  # two keys, and what is open
        assert await nodes.register.tidy(KEEP) == {}
        nodes.ring = Ring([newer])
        (whole,) = [await nodes.register.one(nodes.one.only().id, 9)]
        assert whole is not None
        assert ([one.evidence for one in whole.reports], whole.incident.person) == (
            [b"words"],
            "ada",
        )
        # Who has other keys hears of it, and goes on alone.
        nodes.ring = Ring([bytes(32)])
        await nodes.two.carry()
        nodes.ring = None
        await nodes.two.carry()
        assert set(nodes.two.lines) == {"incidents_not_carried"}

    on(work)


def test_what_nobody_can_read_holds_up_no_tidying_and_is_called_about(
    on: Callable[[Work], None],
) -> None:
    newer = bytes(range(1, 33))

    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(), a_report("r2", person="bob"), a_report("r3", person="eve"))
        ada, bob = (nodes.one.store.open_of(one, drill=False) for one in ("ada", "bob"))
        assert ada is not None
        assert bob is not None
        await nodes.rounds(1)
        async with nodes.database.write() as connection:
            of_eve = select(REPORTS.c.key).where(REPORTS.c.id == "r3").scalar_subquery()
            lost = update(KEYS).where(KEYS.c.id == of_eve)
            await connection.execute(lost.values(wrapped_by="ff", wrapped=b"lost"))
            spoilt = update(INCIDENTS).where(INCIDENTS.c.id == bob.id)
            await connection.execute(spoilt.values(body=b"\xc1", sealed=False, over=None))
        nodes.ring = Ring([newer, bytes(range(32))])
        while await nodes.register.tidy(KEEP):
            pass  # it ends
        nodes.ring = Ring([newer])
        nodes.one.take(a_report("r4", person="eve", evidence=b"more"))
        await nodes.rounds(1)  # one whose key is lost holds up nobody
        assert nodes.one.lines == nodes.two.lines == []
        kept = await nodes.rows("SELECT id FROM incident_reports")
        assert {"r4"} <= {id for (id,) in kept}
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(3)
        assert sorted(nodes.two.alarming()) == ["ada", "eve", "unreadable-records"]
        assert nodes.two.alarming()["unreadable-records"].reports == 1

    on(work)


def test_what_was_written_before_an_erasure_is_not_sealed_for_who_was_erased(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.ring = None  # as an older version wrote
        nodes.one.take(a_report(person="canary-ada", evidence=b"words"))
        id = nodes.one.only().id
        await noted(nodes.one, id, "note", "a1")
        await nodes.rounds(1)
        async with nodes.database.write() as connection:
            await connection.exec_driver_sql(
                "UPDATE incident_acts SET text = 'canary-note', body = NULL, sealed = false"
            )
        nodes.ring = RING
        nodes.time.now += 1.0
        await nodes.register.erase("canary-ada", id="e1", at=nodes.time.now)
        while await nodes.register.tidy(KEEP):
            pass
        whole = await nodes.register.one(id, 9)
        assert whole is not None
        assert (whole.incident.person, whole.reports) == ("canary-ada", ())
        assert [one.text for one in whole.acts] == [""]

    on(work)


def test_what_was_resolved_and_erased_while_the_database_was_away_is_over_for_all(
    on: Callable[[Work], None],
) -> None:
    async def work(nodes: Nodes) -> None:
        nodes.one.take(a_report(person="canary-ada"))
        id = nodes.one.only().id
        await nodes.rounds(1)
        await noted(nodes.one, id, "resolve", "a1")
        nodes.time.now += 1.0
        await erase(nodes, nodes.one, nodes.two)
        await nodes.rounds(1)
        assert await nodes.two.list() == []
        nodes.time.now += LEASE + 1.0
        await nodes.two.carry(2)
        assert nodes.two.alarming() == {}

    on(work)


@pytest.mark.parametrize("person", ["canary-ada", "network/canary-net"])
def test_without_common_keys_nothing_is_sealed_and_what_is_erased_is_deleted(
    on: Callable[[Work], None], person: str
) -> None:
    is_network = person.startswith("network/")
    identity: Identity = "unknown" if is_network else "verified"
    report = a_report(person=person, evidence=b"canary-words", identity=identity)

    async def work(nodes: Nodes) -> None:
        nodes.ring = None
        nodes.one.take(msgspec.structs.replace(report, conversation="c"))
        id = nodes.one.only().id
        await noted(nodes.one, id, "note", "a1")
        await noted(nodes.one, id, "resolve", "a2")
        await nodes.rounds(1)
        assert b"canary-words" in await dump(nodes)
        for _ in range(2):  # once for all nodes
            await nodes.register.erase(person, id="e1", at=nodes.time.now)
        whole = await nodes.register.one(id, 9)
        assert whole is not None
        assert (whole.incident.person, whole.reports) == (ERASED, ())
        assert [one.text for one in whole.acts] == ["", ""]
        assert await nodes.rows("SELECT id FROM incident_reports") == []

    on(work)


def test_the_step_makes_room_beside_what_is_there(on: Callable[[Work], None]) -> None:
    def columns(connection: Connection) -> dict[str, set[str]]:
        found = inspect(connection)
        return {name: {one["name"] for one in found.get_columns(name)} for name in TABLES}

    async def work(nodes: Nodes) -> None:
        async with nodes.database.read() as connection:
            found = await connection.run_sync(columns)
        assert {"over", "sealed", "key", "person"} <= found["incidents"]
        assert {"sealed", "key"} <= found["incident_reports"]
        assert {"sealed", "body", "text"} <= found["incident_acts"]

    on(work)
