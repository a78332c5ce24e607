"""A node finds services in registries, and loses no request over it (R6.1; fault 39)."""

import contextlib
import os
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.clients import Client
from tests.helpers.crowd import Crowd
from tests.helpers.etcd_server import EtcdServer, etcd_server
from tests.helpers.gateway import free_port
from tests.helpers.named_server import ZONE, NamedServer, named_server
from tests.helpers.named_service import NamedService, named_service
from tests.helpers.slow import companion_of, wait_until

pytestmark = pytest.mark.e2e


@contextlib.contextmanager
def node(folder: Path, players: dict[str, object], **discovery: object) -> Iterator[Any]:
    """A gateway whose service `players` is found so, and its administration."""
    port = free_port()
    services = {"players": players}
    with (
        scripted() as upstream,
        stage(
            folder,
            upstream=upstream,
            admin=f"127.0.0.1:{port}",
            services=services,
            routes=[{"path": "/{rest:path}", "service": "players", "auth": "none"}],
            discovery=discovery,
        ) as one,
    ):
        yield one, Admin(port, folder / "state")


def answers(one: Stage) -> str:
    """Who answers a request, or its status."""
    with Client(one.gateway.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
        got = client.answer()
    return got.body.decode() if got.status == 200 else str(got.status)


def registry(admin: Admin) -> dict[str, Any]:
    """How the only registry is."""
    (found,) = admin.told("/admin/v1/registries")["registries"]
    told: dict[str, Any] = found
    return told


def put(etcd: EtcdServer, service: NamedService, *, draining: bool = False) -> None:
    etcd.put(
        f"/services/players/{service.name}",
        address=service.host,
        port=service.port,
        draining=draining,
    )


def test_instances_come_drain_and_go_in_etcd_and_no_request_is_lost(tmp_path: Path) -> None:
    with (
        etcd_server(tmp_path / "etcd") as etcd,
        named_service("a") as a,
        named_service("b") as b,
        named_service("c") as c,
        node(tmp_path, {"discover": {"etcd": "players"}}, etcd={"endpoints": [etcd.url]}) as (
            one,
            admin,
        ),
    ):
        assert answers(one) == "503"
        begun = time.monotonic()
        put(etcd, a)
        assert wait_until(lambda: answers(one) == "a", 5.0)
        assert time.monotonic() - begun < 6.0  # about 0.05 s, on a machine that is not busy
        with Crowd(one.gateway.port) as crowd:
            crowd.keep_alive(30)
            crowd.newcomers(20)
            for comes, goes in ((b, a), (c, b), (a, c)) * 3:
                before = comes.asked
                put(etcd, comes)
                assert wait_until(lambda: comes.asked > before, 5.0)  # noqa: B023 - asked here
                put(etcd, goes, draining=True)
                assert wait_until(lambda: rests(goes), 5.0)  # noqa: B023 - as above
                etcd.delete(f"/services/players/{goes.name}")
            tally = crowd.stop()
        assert tally.lost == []
        assert tally.refused == 0
        assert tally.answered.total() > 500
        assert registry(admin)["instances"] == {"players": 1}


def rests(service: NamedService) -> bool:
    """Whether nobody asks it for a moment."""
    before = service.asked
    time.sleep(0.5)
    return service.asked == before


def test_what_etcd_said_last_stays_in_force_while_it_is_away(tmp_path: Path) -> None:
    """Also for a control that has died meanwhile."""
    with (
        etcd_server(tmp_path / "etcd") as etcd,
        named_service("a") as a,
        named_service("b") as b,
        node(tmp_path, {"discover": {"etcd": "players"}}, etcd={"endpoints": [etcd.url]}) as (
            one,
            admin,
        ),
    ):
        put(etcd, a)
        assert wait_until(lambda: answers(one) == "a", 5.0)
        with Crowd(one.gateway.port) as crowd:
            crowd.keep_alive(10)
            etcd.kill()
            assert wait_until(lambda: registry(admin)["reachable"] is False, 10.0)
            assert registry(admin)["last_error"] != ""
            gateway = one.gateway.process.pid
            control = companion_of(gateway, "control")
            assert control is not None
            os.kill(control, signal.SIGKILL)
            assert wait_until(lambda: companion_of(gateway, "control") not in (None, control), 10.0)
            assert wait_until(lambda: registry(admin)["reachable"] is False, 20.0)
            time.sleep(1.0)
            assert answers(one) == "a"
            etcd.start()
            put(etcd, b)
            assert wait_until(lambda: registry(admin)["reachable"] is True, 35.0)
            assert wait_until(lambda: b.asked > 0, 5.0)
            tally = crowd.stop()
        assert tally.lost == []


def dns(named: NamedServer) -> dict[str, object]:
    return {"servers": [named.address]}


def test_a_host_of_the_configuration_is_followed_and_no_request_is_lost(tmp_path: Path) -> None:
    """Fault 39: it moves, its name vanishes, and the server dies; the last good one is asked."""
    with (
        named_server(tmp_path / "named") as named,
        named_service("old", host="127.0.0.2") as old,
        named_service("new", host="127.0.0.3", port=old.port) as new,
    ):
        named.put("players", "A", old.host, ttl=1)
        url = f"http://players.{ZONE}:{old.port}"
        with (
            node(tmp_path, {"endpoints": [url], "plaintext": "a test"}, dns=dns(named)) as (
                one,
                admin,
            ),
            Crowd(one.gateway.port) as crowd,
        ):
            assert wait_until(lambda: answers(one) == "old", 5.0)
            crowd.keep_alive(20)
            crowd.newcomers(10)
            begun = time.monotonic()
            named.put("players", "A", new.host, ttl=1)
            assert wait_until(lambda: new.asked > 0, 5.0)
            assert time.monotonic() - begun < 3.0  # its TTL, and what is left of quiet
            assert wait_until(lambda: rests(old), 5.0)
            named.put("players", "A")
            assert wait_until(lambda: registry(admin)["reachable"] is False, 10.0)
            assert "does not exist" in registry(admin)["last_error"]
            assert answers(one) == "new"
            named.kill()
            assert wait_until(lambda: "in time" in registry(admin)["last_error"], 20.0)
            assert answers(one) == "new"
            named.start()
            named.put("players", "A", old.host, ttl=1)
            before = old.asked
            assert wait_until(lambda: old.asked > before, 35.0)
            tally = crowd.stop()
        assert tally.lost == []
        assert tally.refused == 0


def test_a_resolved_host_must_show_a_certificate_of_its_name(tmp_path: Path) -> None:
    """And reads its own name as Host where the client names none."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(f"players.{ZONE}").configure_cert(context)
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    with (
        named_server(tmp_path / "named") as named,
        named_service("a", host="127.0.0.2", tls=context) as service,
    ):
        for name in ("players", "other"):
            named.put(name, "A", service.host, ttl=1)
        url = f"https://players.{ZONE}:{service.port}"
        with node(tmp_path, {"endpoints": [url], "ca": str(pem)}, dns=dns(named)) as (one, _):
            assert wait_until(lambda: answers(one) == "a", 5.0)
            with Client(one.gateway.port) as client:
                client.send(b"GET / HTTP/1.0\r\n\r\n")
                assert client.answer().status == 200
            assert service.hosts[-1] == f"players.{ZONE}:{service.port}"


def test_srv_records_are_found(tmp_path: Path) -> None:
    with named_server(tmp_path / "named") as named, named_service("a") as service:
        named.put("_http._tcp.players", "SRV", f"1 1 {service.port} ns.{ZONE}.", ttl=1)
        players: dict[str, object] = {"discover": {"dns": f"_http._tcp.players.{ZONE}"}}
        with node(tmp_path, players, dns=dns(named)) as (one, admin):
            assert wait_until(lambda: answers(one) == "a", 5.0)
            samples = admin.samples()
            name = "tta_gateway_discovery_registry_reachable"
            assert samples[name, ("dns/players",)] == 1.0
