"""Routes that a registry tells of, and what it said last, after a start (R1.4, R6.1)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.clients import Client
from tests.helpers.etcd_server import EtcdServer, etcd_server
from tests.helpers.gateway import free_port
from tests.helpers.named_service import NamedService, named_service
from tests.helpers.slow import wait_until

pytestmark = pytest.mark.e2e
NONE = {"auth": "none"}
REFUSED = '"declared_route_refused"'


@contextlib.contextmanager
def node(folder: Path, etcd: EtcdServer) -> Iterator[tuple[Stage, Admin]]:
    """A gateway whose services are found in etcd, and may declare routes below /live/."""
    port = free_port()
    services = {
        name: {"discover": {"etcd": name, "routes": ["/live/"], "auth_none": True}}
        for name in ("players", "worlds")
    }
    with (
        scripted() as upstream,
        stage(
            folder,
            upstream=upstream,
            admin=f"127.0.0.1:{port}",
            services=services,
            routes=[
                {"path": "/", "service": "players", **NONE},
                {"path": "/live/operator", "service": "players", **NONE},
            ],
            discovery={"etcd": {"endpoints": [etcd.url]}},
        ) as one,
    ):
        yield one, Admin(port, folder / "state")


def answers(one: Stage, path: str = "/") -> str:
    """Who answers a request, or its status."""
    with Client(one.gateway.port) as client:
        client.send(b"GET %b HTTP/1.1\r\nHost: gateway.test\r\n\r\n" % path.encode())
        got = client.answer()
    return got.body.decode() if got.status == 200 else str(got.status)


def registry(admin: Admin) -> dict[str, Any]:
    """How etcd is."""
    (found,) = admin.told("/admin/v1/registries")["registries"]
    told: dict[str, Any] = found
    return told


def put(etcd: EtcdServer, where: str, service: NamedService, *routes: object) -> None:
    etcd.put(
        f"/services/{where}/{service.name}",
        address=service.host,
        port=service.port,
        routes=list(routes),
    )


def test_routes_appear_and_vanish_with_the_instances_that_declare_them(tmp_path: Path) -> None:
    with (
        etcd_server(tmp_path / "etcd") as etcd,
        named_service("a") as a,
        named_service("b") as b,
        node(tmp_path, etcd) as (one, admin),
    ):
        assert answers(one, "/live/x") == "404"
        put(etcd, "worlds", b, {"path": "/live/{id}", "methods": ["GET"], **NONE})
        assert wait_until(lambda: answers(one, "/live/x") == "b", 5.0)
        refused = [
            {"path": "/live/{other}", "methods": ["GET"], **NONE},
            {"path": "/live/operator", **NONE},
            {"path": "/else", **NONE},
            {"path": "/live/closed"},
        ]
        put(etcd, "players", a, *refused)
        assert wait_until(lambda: answers(one) == "a", 5.0)
        assert wait_until(lambda: answers(one, "/live/x") == "a", 5.0)  # the next turn of control
        assert answers(one, "/live/operator") == "a"
        assert (answers(one, "/else"), answers(one, "/live/closed")) == ("404", "a")
        told = registry(admin)
        assert told["routes"] == [{"service": "players", "route": "GET /live/{other}"}]
        reasons = {one["route"]: one["reason"] for one in told["refused_routes"]}
        assert "belongs to the service `players`" in reasons["GET /live/{id}"]
        assert "belongs to the operator" in reasons["/live/operator"]
        assert "below none of its prefixes" in reasons["/else"]
        assert "the gateway believes none" in reasons["/live/closed"]
        assert wait_until(lambda: one.gateway.log.read_text().count(REFUSED) == 4)
        etcd.delete("/services/players/a")
        assert wait_until(lambda: answers(one, "/live/x") == "b", 5.0)
        etcd.delete("/services/worlds/b")
        assert wait_until(lambda: answers(one, "/live/x") == "404", 5.0)


def test_what_etcd_said_last_is_in_force_after_a_start_without_it(tmp_path: Path) -> None:
    """Endpoints and routes; and the state says that nobody has confirmed them."""
    with (
        etcd_server(tmp_path / "etcd") as etcd,
        named_service("a") as a,
        named_service("b") as b,
    ):
        with node(tmp_path, etcd) as (one, _):
            put(etcd, "players", a, {"path": "/live/{id}", **NONE})
            assert wait_until(lambda: answers(one, "/live/x") == "a", 5.0)
            assert wait_until(lambda: (tmp_path / "state" / "found.kept").exists(), 5.0)
        kept = (tmp_path / "state" / "found.kept").read_bytes()
        assert b"/live/" not in kept
        assert a.host.encode() not in kept
        etcd.kill()
        with node(tmp_path, etcd) as (one, admin):
            assert (answers(one), answers(one, "/live/x")) == (
                "a",
                "a",
            )  # from the first request on
            assert wait_until(lambda: registry(admin)["reachable"] is False, 10.0)
            told = registry(admin)
            assert (told["instances"], told["unconfirmed"]) == ({"players": 1}, ["players"])
            etcd.start()
            etcd.delete("/services/players/a")
            put(etcd, "players", b)
            assert wait_until(lambda: answers(one) == "b", 35.0)
            assert wait_until(lambda: answers(one, "/live/x") == "404", 2.0)
            told = registry(admin)
            assert (told["reachable"], told["unconfirmed"]) == (True, [])
