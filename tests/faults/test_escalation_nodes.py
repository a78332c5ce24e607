"""Two nodes over one PostgreSQL: one that is gone is taken over, and an answer at either counts.

Red without `_take_over` in features/escalation/sql_store.py (nobody calls), and without
`Escalation.settle` (the one that comes back goes on calling, and an answer reaches one node alone).
"""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.alert_receiver import Receiver
from tests.helpers.escalated import Escalated, escalated, heard, quick
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.slow import companion_of, settled, wait_until
from tta_gateway.features.escalation.tenure import LEASE
from tta_gateway.support.sql.database import Database
from tta_gateway.support.sql.url import parse

pytestmark = pytest.mark.e2e
SOON = 5.0
"""Seconds behind the lease: two looks of control, a busy machine, and a guard that is asked."""
INCIDENTS = "/admin/v1/incidents"
KEY = secrets.token_hex(32)
"""The same for all tests, as what stands in their database is sealed with it."""
Both = tuple[Escalated, Escalated]


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def both(tmp_path: Path, pager: Receiver, postgres: PostgresServer) -> Iterator[Both]:
    url, key = tmp_path / "database", tmp_path / "key"
    url.write_text(postgres.url)
    key.write_text(KEY)
    levels = {"imminent": quick("pager", within="60s")}
    config = {
        "contacts": {"pager": {"webhook": {"url": pager.url, "unsigned": "a test"}}},
        "levels": levels,
    }
    more = {
        "database_url": {"file": str(url)},
        "encryption": {"keys": [{"file": str(key)}]},
    }
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        escalated(tmp_path / "a", config, **more) as one,
        escalated(tmp_path / "b", config, **more) as two,
    ):
        yield one, two


def processes(node: Escalated) -> list[int]:
    supervisor = node.gateway.process.pid
    found = [companion_of(supervisor, name) for name in ("control", "guard")]
    return [supervisor, *(pid for pid in found if pid is not None)]


def send(node: Escalated, what: signal.Signals) -> None:
    for pid in processes(node):
        os.kill(pid, what)


def called(node: Escalated, pager: Receiver, person: str) -> str:
    """Have somebody be in need, and people be called; the incident."""
    node.write(person)
    assert wait_until(lambda: len(heard(pager, person)) == 1)
    return str(heard(pager, person)[0]["incident"]["id"])


def listed(node: Escalated, incident: str) -> str:
    """Return the state of an incident as a node lists it; empty if it does not."""
    told = node.admin.told(INCIDENTS)
    return next((one["state"] for one in told.get("incidents", ()) if one["id"] == incident), "")


def acknowledge(node: Escalated, incident: str) -> None:
    status, _, body = node.admin.ask(f"{INCIDENTS}/{incident}/acknowledge", method="POST")
    assert status == 200, body


def of_guard(node: Escalated, incident: str) -> str:
    told = node.ask(do="show", incident=incident, alone=True)
    return str(told["incident"]["state"]) if "incident" in told else ""


def test_a_node_that_is_killed_is_taken_over_by_the_same_notice(
    both: Both, pager: Receiver
) -> None:
    one, two = both
    incident = called(one, pager, "gateway/ada")
    assert wait_until(lambda: listed(two, incident) == "notified", 15.0)
    for pid in processes(one):
        os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    assert wait_until(lambda: len(heard(pager, "gateway/ada")) >= 2, LEASE + SOON)
    assert time.monotonic() - began > LEASE / 2  # not while it may still be there
    first, second = heard(pager, "gateway/ada")
    assert first["id"] == second["id"]
    whole = two.admin.told(f"{INCIDENTS}/{incident}")
    assert [report["text_kept"] for report in whole["reports"]] == [True]
    acknowledge(two, incident)
    assert of_guard(two, incident) == "acknowledged"


def test_a_node_that_slept_is_quiet_and_an_answer_at_either_ends_it_at_both(
    both: Both, pager: Receiver
) -> None:
    one, two = both
    incident = called(one, pager, "gateway/bob")
    assert wait_until(lambda: listed(two, incident) == "notified", 15.0)
    send(one, signal.SIGSTOP)
    try:
        assert wait_until(lambda: len(heard(pager, "gateway/bob")) >= 2, LEASE + SOON)
    finally:
        send(one, signal.SIGCONT)
    assert len({told["id"] for told in heard(pager, "gateway/bob")}) == 1
    assert wait_until(lambda: not one.incidents(), 10.0)
    assert "gateway/bob" in two.incidents()
    acknowledge(one, incident)
    assert wait_until(lambda: of_guard(two, incident) == "acknowledged", 10.0)
    assert listed(one, incident) == "acknowledged"
    # And the other way round, of an incident of one that is well.
    other = called(one, pager, "gateway/eve")
    assert wait_until(lambda: listed(two, other) == "notified", 10.0)
    acknowledge(two, other)
    assert wait_until(lambda: of_guard(one, other) == "acknowledged", 10.0)


def test_who_writes_to_both_nodes_is_called_about_once(both: Both, pager: Receiver) -> None:
    one, two = both
    incident = called(one, pager, "gateway/joe")
    assert wait_until(lambda: listed(two, incident) == "notified", 15.0)
    time.sleep(3.0)  # the other guard hears of it with the next look of its control
    two.write("gateway/joe")
    assert wait_until(lambda: one.incidents()["gateway/joe"]["reports"] == 2, 10.0)
    assert wait_until(lambda: "gateway/joe" not in two.incidents(), 10.0)
    assert settled(lambda: len(heard(pager, "gateway/joe")), quiet=1.0) == 1
    told = two.admin.told(INCIDENTS)["incidents"]
    assert [one["id"] for one in told if one["person"] == "gateway/joe"] == [incident]


def test_an_erasure_at_one_node_is_one_at_all_and_what_is_open_goes_on(
    both: Both, pager: Receiver, postgres: PostgresServer
) -> None:
    """The first sleeps meanwhile, and learns of it when it is back."""
    one, two = both
    incident = called(one, pager, "clinic/canary-ada")
    note(one, incident, "canary-note")
    assert wait_until(lambda: notes(two, incident) == ["canary-note"], 30.0)
    assert b"canary" not in dumped(postgres)
    send(one, signal.SIGSTOP)
    try:
        erase(two, "clinic/canary-ada")
        assert wait_until(lambda: notes(two, incident) == [None], 10.0)
        assert two.admin.told(f"{INCIDENTS}/{incident}")["reports"] == []
        assert wait_until(lambda: len(heard(pager, "clinic/canary-ada")) >= 2, LEASE + SOON)
    finally:
        send(one, signal.SIGCONT)
    assert wait_until(lambda: all(told["here"] for told in erasures(one)), 15.0)
    assert wait_until(lambda: not one.ask(do="show", incident=incident)["reports"], 10.0)
    assert [act["text"] for act in one.ask(do="show", incident=incident)["acts"]] == [None]
    acknowledge(two, incident)
    told = two.ask(do="act", id="r1", incident=incident, does="resolve", by="ben", text="well")
    assert told["incident"]["person"] == "clinic/canary-ada"  # to who says so
    assert wait_until(lambda: person(one, incident) == person(two, incident) == "erased", 10.0)
    for node in both:
        files = (node.state / "guard.sqlite", node.state / "guard.sqlite-wal")
        assert b"canary-ada" not in b"".join(file.read_bytes() for file in files if file.exists())
    assert b"incidents" in dumped(postgres)


def note(node: Escalated, incident: str, text: str) -> None:
    told = node.ask(do="act", id="n1", incident=incident, does="note", by="ben", text=text)
    assert "error" not in told


def notes(node: Escalated, incident: str) -> list[str | None]:
    told = node.admin.told(f"{INCIDENTS}/{incident}")
    return [act["text"] for act in told.get("acts", ())]


def person(node: Escalated, incident: str) -> str:
    found = node.admin.told(f"{INCIDENTS}?all=true").get("incidents", ())
    return next((str(one["person"]) for one in found if one["id"] == incident), "")


def erasures(node: Escalated) -> list[dict[str, object]]:
    told: list[dict[str, object]] = node.admin.told("/admin/v1/erasures")["erasures"]
    return told


def erase(node: Escalated, whom: str) -> None:
    command = [sys.executable, "-m", "tta_gateway", "person", "erase", whom]
    options = ["--reason", "asked for by her", "-c", str(node.folder / "gateway.yaml")]
    told = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert "done here" in told.stdout, told.stderr


def dumped(postgres: PostgresServer) -> bytes:
    """All rows of what is kept of incidents."""

    async def read() -> bytes:
        database = Database(parse(postgres.url))
        try:
            async with database.read() as connection:
                found = []
                for name in ("incidents", "incident_reports", "incident_acts"):
                    for row in await connection.exec_driver_sql(f"SELECT * FROM {name}"):
                        found += [bytes_of(one) for one in row]
                return b"incidents " + b"\0".join(found)
        finally:
            await database.close()

    return asyncio.run(read())


def bytes_of(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
