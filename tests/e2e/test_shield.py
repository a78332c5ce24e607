"""Attacks on a running node from addresses of the loopback network, and honest people beside them.

Each attack is bounded in time and number, and comes from a network of its own, so that most tests
share a node.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from tests.helpers.flood import Told, flood
from tests.helpers.flooder import SPARED, ceiling
from tests.helpers.shielded import FIRST, Node, attack, malformed, node_of
from tests.helpers.slow import wait_until, workers_of

pytestmark = pytest.mark.e2e

ALLOWED: Final = "127.5.0.0/24"
ALERT: Final = "AttackUnderWay"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of two workers."""
    folder = tmp_path_factory.mktemp("pair")
    with node_of(folder, workers=2, allow=[SPARED], longest_block="6s") as made:
        yield made


@pytest.fixture(scope="module")
def flooded(pair: Node) -> Told:
    """What became of a flood of twice what the node can do, and of the people beside it."""
    rate = 2.0 * ceiling(pair.stage.port, "connections", seconds=1.0)
    return flood(pair.stage.port, people=50, seconds=6.0, rate=rate, token=pair.token)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of one worker, which spares a network."""
    with node_of(tmp_path_factory.mktemp("node"), allow=[ALLOWED]) as made:
        yield made


def test_a_flood_from_a_thousand_addresses_leaves_fifty_honest_people_alone(
    pair: Node, flooded: Told
) -> None:
    """The short form of bench/flood.py; the last test of this file looks what becomes of it."""
    assert flooded.flood.sent >= 1000
    assert flooded.asked >= 50
    assert flooded.answered >= 0.99 * flooded.asked, (
        flooded.lines,
        Counter(one.get("code") for one in pair.stage.all_lines()),
    )
    assert pair.alerts.hears(ALERT, "firing")
    (fired,) = pair.alerts.told(ALERT, "firing")
    assert "blocked: 127.66." in fired["cause"]
    assert "malformed" in fired["cause"]


def test_what_one_worker_has_found_out_all_workers_know(pair: Node) -> None:
    """Each worker sees a part of the attack."""
    assert len(workers_of(pair.stage.gateway.process.pid)) == 2
    hostile = "127.9.6.1"
    attack(pair.stage, hostile)
    assert wait_until(lambda: hostile in pair.blocked())
    assert wait_until(lambda: set(pair.codes("/a", hostile, 20)) <= {"shield_blocked", "cut"})
    assert pair.ask("/a", "127.8.6.1")[0] == 200


def test_administrators_keep_out_and_let_in_by_hand(node: Node) -> None:
    said = node.command("block", "127.7.0.9/24", "--reason", "asked to", "--minutes", "5")
    assert said == "127.7.0.0/24 is kept out for 5 minutes\n"
    assert wait_until(lambda: node.ask("/a", "127.7.0.1")[1] == "shield_blocked")
    assert "blocked  127.7.0.0/24" in node.command("list")
    assert node.command("unblock", "127.7.0.0/24") == "127.7.0.0/24 is let in again\n"
    assert wait_until(lambda: node.ask("/a", "127.7.0.1")[0] == 200)
    assert "127.7.0.0/24" not in node.command("list")


def test_who_sends_what_is_no_http_is_kept_out_for_a_while_and_let_in_again(node: Node) -> None:
    hostile = "127.9.1.1"
    attack(node.stage, hostile)
    status, code, fields = node.ask("/a", hostile)
    assert (status, code) == (429, "shield_blocked")
    assert 1 <= int(fields["retry-after"]) <= FIRST + 1
    assert node.ask("/a", "127.8.1.1")[0] == 200
    assert wait_until(lambda: hostile in node.blocked())
    assert wait_until(lambda: hostile not in node.blocked(), FIRST + 3.0)
    assert wait_until(lambda: node.ask("/a", hostile)[0] == 200)


def test_whoever_looks_for_paths_that_are_not_there_is_kept_out(node: Node) -> None:
    hostile = "127.9.2.1"
    assert node.ask("/a", hostile)[0] == 200
    codes = node.codes("/%2e%2e/etc", hostile, 3)
    assert set(codes) == {"routing_path_refused"}
    for one in range(60):
        node.ask(f"/..%2f{one}/../../x", hostile)
    assert wait_until(lambda: hostile in node.blocked())


def test_whoever_tries_many_tokens_is_kept_out_and_whoever_repeats_one_is_not(node: Node) -> None:
    hostile, stale = "127.9.3.1", "127.8.3.1"
    codes: list[str] = []
    while "shield_blocked" not in codes and len(codes) < 400:
        codes += node.codes("/guarded/a", hostile, 1, token=f"eyJ.{len(codes)}.a")
        if len(codes) % 4 == 0:
            node.ask("/guarded/a", stale, token="eyJ.stale.a")
    assert wait_until(lambda: hostile in node.blocked())
    assert stale not in node.blocked()
    assert node.ask("/a", stale)[0] == 200


def test_a_known_person_behind_a_blocked_address_gets_through_slowly(node: Node) -> None:
    shared, token = "127.9.4.1", node.token()
    assert node.ask("/guarded/a", shared, token=token)[0] == 200
    node.keep_out(shared)
    assert wait_until(lambda: node.codes("/a", shared, 3) == ["shield_blocked"] * 3)
    codes = Counter(node.codes("/guarded/a", shared, 20, token=token))
    assert codes["200"] >= 8
    assert codes["shield_slowed"] >= 1
    assert set(codes) == {"200", "shield_slowed"}
    somebody_new = node.token("p2")  # whose token nobody has proved yet
    assert node.ask("/guarded/a", shared, token=somebody_new)[0] == 200
    young = node.token("p3", account_created=time.time() - 60)
    assert node.ask("/guarded/a", shared, token=young)[1] == "shield_blocked"
    assert node.ask("/guarded/a", shared, token="eyJ.no.a")[1] == "identity_token_malformed"
    assert node.ask("/help", shared)[0] == 200  # nobody is refused help for an address
    node.let_in(shared)


def test_who_is_allowed_is_never_kept_out(node: Node) -> None:
    allowed = "127.5.0.5"
    for _ in range(60):
        malformed(node.stage, allowed)
    assert node.ask("/a", allowed)[0] == 200
    assert allowed not in node.blocked()
    assert wait_until(lambda: f"suspect  {allowed}" in node.command("list"))


def test_all_blocks_of_a_flood_are_gone_by_themselves_and_one_alert_has_told_of_it(
    pair: Node, flooded: Told
) -> None:
    assert flooded.flood.sent
    assert wait_until(lambda: pair.blocked() == [], 15.0)
    assert pair.alerts.hears(ALERT, "resolved", 45.0)
    assert len(pair.alerts.told(ALERT, "firing")) == 1
