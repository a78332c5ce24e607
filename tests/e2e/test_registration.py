"""Services that register: they come, leave, crash and return, and clients hardly notice."""

import http.client
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.interfaces import listed
from tests.helpers.load import under_load
from tests.helpers.registered import OTHER, TOKEN, Api, Instance, instance
from tests.helpers.slow import wait_until
from tests.helpers.valkey_server import Server, server

pytestmark = pytest.mark.e2e

TARGET = b"/players/a"
CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Node:
    """A gateway with a listener for services."""

    gateway: Gateway
    inside: int
    unix: str

    @property
    def url(self) -> str:
        """Where services register."""
        return f"http://127.0.0.1:{self.inside}"

    @property
    def api(self) -> Api:
        """The registration API."""
        return Api(self.inside)

    def get(self, path: str = "/players/a", *, port: int = 0) -> tuple[int, bytes]:
        """Ask as a client."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.gateway.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def first(self, status: int, path: str = "/players/a") -> float:
        """Wait for an answer with this status; return how long that took."""
        begun = time.monotonic()
        while self.get(path)[0] != status:
            assert time.monotonic() - begun < 10.0
            time.sleep(0.005)
        return time.monotonic() - begun


@contextmanager
def node(folder: Path, *, at: str = "127.0.0.1", **more: object) -> Iterator[Node]:
    """Run one; clients come `at` this address."""
    folder.mkdir(exist_ok=True)
    inside, unix = free_port(), str(folder / "inside.sock")
    os.environ.update(TOKEN=TOKEN, OTHER=OTHER)
    gateway = start_gateway(
        {
            "listen": [
                {"address": f"{at}:{free_port()}", "plaintext": "a test"},
                {"address": f"127.0.0.1:{inside}", "internal": True},
                {"address": f"unix:{unix}", "internal": True},
            ],
            "admin": f"127.0.0.1:{free_port()}",
            "workers": 2,
            "state_dir": str(folder / "state"),
            "registration": {
                "tokens": [
                    {
                        "token": {"env": "TOKEN"},
                        "services": ["players"],
                        "routes": ["/live/"],
                        "auth_none": True,
                    },
                    {
                        "token": {"env": "OTHER"},
                        "services": ["worlds"],
                        "routes": ["/live/"],
                        "auth_none": True,
                    },
                ]
            },
            "services": {"players": {}, "worlds": {}},
            "routes": [
                {"path": "/players/{rest:path}", "service": "players", "auth": "none"},
                {"path": "/live/operator", "service": "players", "auth": "none"},
            ],
            **more,
        },
        folder,
    )
    try:
        yield Node(gateway, inside, unix)
    finally:
        gateway.stop()
        assert "Traceback" not in gateway.tail()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A gateway with its own Valkey."""
    with node(tmp_path_factory.mktemp("one")) as made:
        assert wait_until(lambda: made.api.put("players/probe", 9)[0] == 200, 15.0)
        path = "/internal/v1/services/players/instances/probe"
        assert made.api.ask("DELETE", path)[0] in (202, 204)
        assert wait_until(lambda: made.api.ids() == [], 5.0)
        yield made


def said(name: str, value: float) -> None:
    """Keep a figure where whoever runs the tests sees it (`-s`)."""
    sys.stdout.write(f"{name}: {value * 1000:.0f} ms\n")


def test_from_registration_to_the_first_request(one: Node) -> None:
    one.first(503)
    with instance(one.url, "--lease", "5") as player:
        said("registered to first request", one.first(200))
        assert one.get()[1] == b"%d" % player.pid
        said("left", player.leave())
    said("left to gone", one.first(503))


@contextmanager
def three(one: Node) -> Iterator[list[Instance]]:
    with ExitStack() as stack:
        players = [stack.enter_context(instance(one.url, "--lease", "5")) for _ in range(3)]
        pids = {b"%d" % player.pid for player in players}
        assert wait_until(lambda: one.get()[1] in pids)
        yield players


def test_of_three_that_leave_and_come_no_request_is_lost(one: Node) -> None:
    """Red without `await self.leave()` in client/registration.py: it ends with answers due."""
    with three(one) as players, under_load(one.gateway.port, TARGET, clients=CLIENTS) as load:
        load.grow(by=100)
        for player in players[:2]:
            said("leaving under load", player.leave())
            load.grow(by=100)
            with instance(one.url, "--lease", "5") as another:
                load.grow(by=100)
                another.leave()
    load.tally.check()
    assert (load.tally.statuses, load.tally.lost) == ({200}, [])
    assert wait_until(lambda: one.api.ids() == [], 10.0)


def test_of_one_that_crashes_only_what_was_under_way_there_is_lost(one: Node) -> None:
    with three(one) as players, under_load(one.gateway.port, TARGET, clients=CLIENTS) as load:
        load.grow(by=100)
        players[0].kill()
        killed = time.monotonic()
        load.grow(by=300)
        bad = [status for status in load.tally.answered.values() if status != 200]
        assert len(bad) <= CLIENTS
        assert set(bad) <= {502}
        assert wait_until(lambda: len(one.api.ids()) == 2, 6.0)
        gone = time.monotonic() - killed
        said("killed to gone from the list", gone)
        assert gone <= 5.0 + 0.25
        with instance(one.url, "--lease", "5", "--port", str(players[0].port)) as back:
            load.grow(by=100)
            pid = b"%d" % back.pid
            assert wait_until(lambda: one.get()[1] == pid)
            back.leave()
    load.tally.check()
    assert load.tally.lost == []
    after = [status for status in load.tally.answered.values() if status != 200]
    assert len(after) == len(bad)
    sys.stdout.write(f"lost of {len(load.tally.sent)} posts: {len(bad)}\n")


def test_what_may_be_repeated_survives_a_crash(one: Node) -> None:
    with three(one) as players:
        statuses = [one.get()[0] for _ in range(20)]
        players[0].kill()
        statuses += [one.get()[0] for _ in range(100)]
    assert set(statuses) == {200}


def test_routes_appear_and_vanish_with_their_service(one: Node) -> None:
    assert one.get("/live/a")[0] == 404
    with instance(one.url, "--lease", "5", "--route", "/live/{name}") as player:
        said("declared to first request", one.first(200, "/live/a"))
        status, document, _ = one.api.put(
            "worlds/w", 9, token=OTHER, routes=[{"path": "/live/{other}", "auth": "none"}]
        )
        assert (status, document["code"]) == (409, "registration_route_taken")
        assert "the service `players`" in document["detail"]
        player.leave()
    assert one.first(404, "/live/a") < 5.0


def test_the_operators_routes_win(one: Node) -> None:
    status, document, _ = one.api.put(
        "worlds/w", 9, token=OTHER, routes=[{"path": "/live/operator", "auth": "none"}]
    )
    assert (status, document["code"]) == (409, "registration_route_taken")


def test_inside_and_outside_are_two_worlds(one: Node) -> None:
    path = "/internal/v1/services/players"
    assert one.get(path)[0] == 404
    assert one.get(path, port=one.inside)[0] == 401
    assert one.get("/players/a", port=one.inside)[0] == 404
    assert one.get("/api/v1/openapi.json", port=one.inside)[0] == 404
    assert b"/internal/" not in one.get("/api/v1/openapi.json")[1]


def test_a_service_registers_over_a_unix_socket_too(one: Node) -> None:
    with instance(f"unix:{one.unix}") as player:
        one.first(200)
        player.leave()


@pytest.fixture
def store() -> Iterator[Server]:
    """A Valkey of the test's own."""
    with server("valkey") as made:
        yield made


def is_current(one: Node) -> bool:
    """Whether a node's control has looked at the store."""
    _, told, _ = one.api.ask("GET", "/internal/v1/services/players")
    return bool(told.get("current"))


def test_nodes_share_what_is_registered(tmp_path: Path, store: Server) -> None:
    url = f"redis://127.0.0.1:{store.port}"
    with node(tmp_path / "a", valkey_url=url) as a, node(tmp_path / "b", valkey_url=url) as b:
        for one in (a, b):  # whose control may still be on its way
            assert wait_until(lambda: is_current(one), 15.0)  # noqa: B023 - asked here
        with instance(a.url, "--lease", "5") as player:
            took = b.first(200)
            said("registered at one node to first request at another", took)
            assert took < 1.0  # a look each quarter of a second
            assert wait_until(lambda: b.get()[1] == b"%d" % player.pid)
            player.leave()
            assert wait_until(lambda: a.get()[0] != 200 and b.get()[0] != 200)


def test_without_the_store_what_was_known_stays(tmp_path: Path, store: Server) -> None:
    url = f"redis://127.0.0.1:{store.port}"
    with node(tmp_path / "a", valkey_url=url) as a:
        assert wait_until(lambda: a.api.ask("GET", "/internal/v1/services/players")[1]["current"])
        with instance(a.url, "--lease", "5") as player:
            a.first(200)
            store.kill()
            status, document, fields = a.api.put("players/new", 9)
            assert (status, document["code"]) == (503, "registration_store_unavailable")
            assert fields["retry-after"] == "2"
            time.sleep(6.0)  # longer than its lease
            assert a.get() == (200, b"%d" % player.pid)
            _, told, _ = a.api.ask("GET", "/internal/v1/services/players")
            assert (told["current"], len(told["instances"])) == (False, 1)
            store.start_again()  # and it has forgotten everything
            assert wait_until(lambda: a.api.put("players/new", 9, lease=5)[0] == 200, 10.0)
            assert len(a.api.ids()) == 2
            time.sleep(6.0)
            assert a.api.ids() != []
            assert a.get() == (200, b"%d" % player.pid)


def test_who_had_registered_is_asked_after_a_start_without_the_store(
    tmp_path: Path, store: Server
) -> None:
    """Until the store has spoken, and then for a lease more: nobody could renew meanwhile."""
    url = f"redis://127.0.0.1:{store.port}"
    with node(tmp_path / "a", valkey_url=url) as a:
        assert wait_until(lambda: a.api.put("players/probe", 9)[0] == 200, 15.0)
        a.api.ask("DELETE", "/internal/v1/services/players/instances/probe?grace=0")
        with instance(a.url, "--lease", "5", "--route", "/live/{name}") as player:
            a.first(200, "/live/a")
            time.sleep(1.5)  # it is kept once a second
            a.gateway.stop()
            store.kill()
            with node(tmp_path / "a", valkey_url=url) as again:
                assert again.get() == (200, b"%d" % player.pid)
                assert again.get("/live/a") == (200, b"%d" % player.pid)
                path = "/internal/v1/services/players"
                assert wait_until(lambda: again.api.ask("GET", path)[0] == 200, 10.0)
                _, told, _ = again.api.ask("GET", path)
                assert (told["current"], len(told["instances"])) == (False, 1)
                time.sleep(6.0)  # longer than its lease
                assert again.get()[0] == 200
                store.start_again()
                assert wait_until(
                    lambda: again.api.ask("GET", path)[1]["current"],
                    10.0,
                )
                begun = time.monotonic()
                assert again.get()[0] == 200
                again.first(503)
                assert time.monotonic() - begun < 6.0
                assert again.first(404, "/live/a") < 1.0


def test_nobody_registers_beyond_this_machine_to_be_spoken_to_in_the_clear(tmp_path: Path) -> None:
    """Red without `is_overheard` in node/registering.py."""
    with node(tmp_path) as one:
        assert wait_until(lambda: one.api.put("players/other", 9)[0] == 200, 15.0)
        path = "/internal/v1/services/players/instances/away"
        status, said, _ = one.api.ask("PUT", path, {"url": "http://192.0.2.7:9001"})
        assert (status, said["code"]) == (422, "registration_unencrypted")
        assert one.api.ids() == ["other"]


def test_nobody_registers_the_gateway_by_any_address_of_the_machine(tmp_path: Path) -> None:
    """Requests would go round in circles, or past what keeps clients out.

    Red without `self._is_here(one)` in node/own_addresses.py, where there is an interface.
    """
    with node(tmp_path, at="0.0.0.0") as one:
        assert wait_until(lambda: one.api.put("players/other", 9)[0] == 200, 15.0)
        hosts = [f"[{each}]" if each.version == 6 else str(each) for each in listed()]
        assert "127.0.0.1" in hosts
        path = "/internal/v1/services/players/instances/ours"
        for host in hosts:
            status, said, _ = one.api.ask("PUT", path, {"url": f"http://{host}:{one.gateway.port}"})
            assert (status, said["code"]) == (422, "registration_own_address"), host
        assert one.api.ids() == ["other"]
