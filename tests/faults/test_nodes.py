"""Two nodes over one Redis and one PostgreSQL: what is revoked at one, wherever the line is cut.

Both halves: a node that holds its lease goes by a revocation before whoever revoked is answered,
and one that does not asks SQL, or refuses what is clinical and serves the rest.
"""

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest

from tests.helpers.clients import PATIENCE
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.slow import frozen, wait_until
from tests.helpers.two_nodes import (
    BACK,
    CLINICAL,
    GOOD,
    KEY_UNKNOWN,
    LONGEST,
    PROGRESS,
    REVOKED,
    SOON,
    UNHEARD,
    Node,
    a_node,
    a_therapist,
    code_of,
    numbers,
    opened,
    opened_by_key,
    well,
)
from tests.helpers.valkey_server import Server

pytestmark = pytest.mark.e2e


def test_whoever_ends_a_session_is_answered_when_no_node_knows_it_any_more(
    nodes: tuple[Node, Node],
) -> None:
    """Red without `spread` in node/issuing.py: the other node asks SQL up to 0.5 s later."""
    one, two = nodes
    took = []
    for _ in range(5):
        ended, good = a_therapist(nodes)
        with opened(two, ended) as socket, opened(two, good) as other:
            answer, seconds = one.logout(ended)
            assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
            assert two.clinical(ended) == {REVOKED}
            assert one.clinical(ended) == {REVOKED}
            assert code_of(socket, SOON) == 1008
            other.send("still here")
            assert other.recv(PATIENCE) == "still here"
        took.append(seconds)
    assert max(took) < SOON, took


def test_a_key_that_is_revoked_at_one_node_is_refused_by_the_other(
    nodes: tuple[Node, Node],
) -> None:
    """Red without `changed` in node/issuing.py: the other node asks SQL up to 0.5 s later."""
    one, two = nodes
    for _ in range(5):
        name = f"key{next(numbers)}"
        made = one.here.administer("POST", "/apikeys", {"name": name, "roles": ["therapist"]})
        first = str(made.told["key"])
        assert wait_until(lambda key=first: two.clinical(key) == {GOOD}, BACK)  # type: ignore[misc]
        rotated = one.here.administer("POST", f"/apikeys/{name}/rotate", {"overlap": 0})
        assert (rotated.status, rotated.fields.get("x-degraded")) == (201, None)
        key = str(rotated.told["key"])
        assert (two.clinical(first), two.clinical(key)) == ({KEY_UNKNOWN}, {GOOD})
        with opened_by_key(two, key) as socket:
            answer = one.here.administer("DELETE", f"/apikeys/{name}")
            assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
            assert two.clinical(key) == {KEY_UNKNOWN}
            assert one.clinical(key) == {KEY_UNKNOWN}
            assert code_of(socket, SOON) == 1008


def test_a_key_that_is_revoked_while_a_node_is_cut_off_says_so(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    name = f"key{next(numbers)}"
    made = one.here.administer("POST", "/apikeys", {"name": name, "roles": ["therapist"]})
    key = str(made.told["key"])
    assert wait_until(lambda: two.clinical(key) == {GOOD}, BACK)
    two.valkey.cut()
    answer = one.here.administer("DELETE", f"/apikeys/{name}")
    assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
    assert two.clinical(key) == {KEY_UNKNOWN}


def test_a_client_that_is_disabled_at_one_node_is_refused_by_the_other(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    body = {"name": f"client{next(numbers)}", "kind": "confidential", "roles": ["therapist"]}
    made = one.here.administer("POST", "/clients", body).told
    token = one.here.own_token(made["id"], made["secret"])
    assert wait_until(lambda: two.clinical(token) == {GOOD}, BACK)
    answer = one.here.administer("POST", f"/clients/{made['id']}/disable")
    assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
    assert two.clinical(token) == one.clinical(token) == {REVOKED}


def test_care_that_has_ended_is_known_everywhere_at_once(nodes: tuple[Node, Node]) -> None:
    """Red without `spread_by` in node/assemble_control.py: the other node looks each second."""
    one, two = nodes
    name = f"therapist{next(numbers)}"
    tie = {"carer": one.here.user(name, "therapist").told["id"], "person": "p1"}
    token = str(one.here.login(name).told["access_token"])
    assert wait_until(lambda: two.statuses(PROGRESS, token) == {404}, BACK)
    for _ in range(5):
        begun = one.here.administer("POST", "/care", {**tie, "days": 1})
        assert (begun.status, begun.fields.get("x-degraded")) == (201, None)
        assert wait_until(lambda: two.statuses(PROGRESS, token) == {200}, BACK)
        ended = one.here.administer("POST", "/care/end", tie)
        assert (ended.status, ended.fields.get("x-degraded")) == (204, None)
        assert two.statuses(PROGRESS, token) == one.statuses(PROGRESS, token) == {404}


def test_roles_are_taken_away_everywhere_at_once(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    name = f"therapist{next(numbers)}"
    one.here.user(name, "therapist")
    said = one.here.login(name).told
    token = said["access_token"]
    assert wait_until(lambda: two.clinical(token) == {GOOD})
    for path, body in (("roles", {"revoke": ["therapist"]}), ("disable", {})):
        with opened(two, token, "/plain-socket") as socket:
            answer = one.here.administer("POST", f"/users/{name}/{path}", body or None)
            assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
            assert two.guarded(token) == {REVOKED}
            assert code_of(socket, SOON) in (1008, 3000)
        if path == "roles":
            renewed = two.here.refresh(said["refresh_token"])
            token = renewed.told["access_token"]
            assert two.clinical(token) == {(403, "access_role_missing")}
            assert two.guarded(token) == {GOOD}


def test_a_node_cut_off_from_valkey_asks_sql_and_is_not_waited_for_longer_than_its_lease(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    ended, good = a_therapist(nodes)
    with opened(two, ended) as socket:
        two.valkey.cut()
        answer, seconds = one.logout(ended)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
        assert seconds < LONGEST
        assert two.clinical(ended) == {REVOKED}
        assert code_of(socket, SOON) == 1008
    assert two.clinical(good) == {GOOD}  # SQL says that it is so
    answer, seconds = one.logout(good)  # it holds no lease: nobody waits
    assert (answer.status, answer.fields.get("x-degraded")) == (200, None)
    assert seconds < SOON
    assert wait_until(lambda: two.clinical(good) == {REVOKED}, SOON)


def test_a_node_cut_off_from_both_refuses_what_is_clinical_and_serves_the_rest(
    nodes: tuple[Node, Node],
) -> None:
    """Red without the policy in features/nodes: it would go by what it knew."""
    one, two = nodes
    ended, good = a_therapist(nodes)
    with opened(two, good) as clinical, opened(two, good, "/plain-socket") as plain:
        two.valkey.cut()
        two.sql.cut()
        answer, seconds = one.logout(ended)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
        assert seconds < LONGEST
        refused = two.here.ask("GET", CLINICAL, token=ended)
        assert ((refused.status, refused.code), refused.fields["retry-after"]) == (UNHEARD, "1")
        assert two.clinical(ended) == two.clinical(good) == {UNHEARD}
        assert two.guarded(good) == {GOOD}
        assert one.clinical(good) == {GOOD}
        assert code_of(clinical, 8.0) == 1013
        plain.send("still here")
        assert plain.recv(PATIENCE) == "still here"
    two.valkey.mend()
    two.sql.mend()
    assert wait_until(lambda: two.clinical(good) == {GOOD}, BACK)
    assert two.clinical(ended) == {REVOKED}


def test_workers_notice_by_themselves_that_control_says_nothing(
    nodes: tuple[Node, Node],
) -> None:
    """Frozen, and then killed."""
    one, two = nodes
    ended, good = a_therapist(nodes)
    with frozen(two.control):
        answer, seconds = one.logout(ended)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-lapsed=1")
        assert seconds < LONGEST
        assert two.clinical(ended) == two.clinical(good) == {UNHEARD}
        assert two.guarded(good) == {GOOD}
    assert wait_until(lambda: two.clinical(good) == {GOOD}, BACK)
    assert two.clinical(ended) == {REVOKED}
    before = two.control
    os.kill(before, signal.SIGKILL)
    assert two.guarded(good) == {GOOD}
    assert wait_until(lambda: two.clinical(good) == {GOOD}, BACK)
    answer, _ = one.logout(good)
    assert answer.status == 200
    # The next control may have asked SQL a moment before, and asks again within half a second.
    assert wait_until(lambda: GOOD not in two.clinical(good), SOON)
    assert wait_until(lambda: two.clinical(good) == {REVOKED}, BACK)


def test_a_revocation_outlives_a_valkey_that_is_emptied_or_gone(
    nodes: tuple[Node, Node], redis: Server
) -> None:
    one, _ = nodes
    earlier, ended = a_therapist(nodes)
    one.logout(earlier)
    redis.say("FLUSHALL")
    answer, seconds = one.logout(ended)
    assert (answer.status, seconds < LONGEST) == (200, True)
    for node in nodes:
        assert node.clinical(ended) == node.clinical(earlier) == {REVOKED}
    well(nodes)
    third, good = a_therapist(nodes)
    redis.kill()
    try:
        answer, seconds = one.logout(third)
        assert (answer.status, answer.fields.get("x-degraded")) == (200, "nodes-not-reached")
        assert seconds < LONGEST
        for node in nodes:
            assert node.clinical(third) == node.clinical(earlier) == {REVOKED}
            assert wait_until(lambda node=node: node.clinical(good) == {GOOD}, BACK)  # type: ignore[misc]
    finally:
        redis.start_again()
    well(nodes)
    for node in nodes:
        assert node.clinical(third) == {REVOKED}
        assert node.clinical(good) == {GOOD}


def test_a_node_killed_in_the_midst_of_revoking_has_revoked(
    tmp_path: Path, nodes: tuple[Node, Node], redis: Server, postgres: PostgresServer, echo: int
) -> None:
    """A third node waits for the second, which hangs, and is killed while it does."""
    _, two = nodes
    ended, _ = a_therapist(nodes)
    with a_node(tmp_path / "nodes" / "c", redis, postgres, echo) as third:
        assert wait_until(lambda: third.clinical(ended) == {GOOD}, BACK)
        assert wait_until(third.holds, BACK)
        with frozen(two.control):
            answers: list[object] = []

            def asking() -> None:
                with contextlib.suppress(Exception):
                    answers.append(third.logout(ended))

            waiting = threading.Thread(target=asking)
            waiting.start()
            assert wait_until(lambda: third.clinical(ended) == {REVOKED}, SOON)
            assert answers == []  # it waits for the node that hangs
            os.killpg(third.here.stage.gateway.process.pid, signal.SIGKILL)
            waiting.join()
            assert answers == []
        assert wait_until(lambda: two.clinical(ended) == {REVOKED}, SOON)
        well(nodes)
