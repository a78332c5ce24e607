"""Two nodes over one PostgreSQL: one that is gone is taken over, and an answer at either counts.

Red without `_take_over` in features/escalation/sql_store.py (nobody calls), and without
`Escalation.settle` (the one that comes back goes on calling, and an answer reaches one node alone).
"""

import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.alert_receiver import Receiver
from tests.helpers.escalated import Escalated, escalated, heard, quick
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.slow import companion_of, settled, wait_until
from tta_gateway.features.escalation.tenure import LEASE

pytestmark = pytest.mark.e2e
SOON = 5.0
"""Seconds behind the lease: two looks of control, a busy machine, and a guard that is asked."""
INCIDENTS = "/admin/v1/incidents"
Both = tuple[Escalated, Escalated]


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def both(tmp_path: Path, pager: Receiver, postgres: PostgresServer) -> Iterator[Both]:
    url, key = tmp_path / "database", tmp_path / "key"
    url.write_text(postgres.url)
    key.write_text(secrets.token_hex(32))
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
