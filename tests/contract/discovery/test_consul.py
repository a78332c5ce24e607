"""Consul, against a contract server.

Debian 12 has no package of it; what a real one answered is in test_consul_recorded.py.  The
shapes here are those of HashiCorp's documentation (API, *Health*, `GET
/v1/health/service/:service`, sample response, fields that do not matter taken out; *Blocking
Queries* for `index`, `wait` and `X-Consul-Index`; *ACL* for 403 and the token's field).  What the
server does is what is written there: it answers at once without an index, and with one when
something has changed.
"""

import asyncio
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.helpers.found import Told, in_loop, watched
from tests.helpers.registry_server import Answering, Asked, RegistryServer, serving
from tta_gateway.features.discovery.bound import Consul, ConsulService
from tta_gateway.features.discovery.consul_provider import ConsulProvider
from tta_gateway.kernel.registered import Declared

TOKEN = "b1gs33cr3t"


def entry(name: str, port: int, *tags: str, address: str = "", weight: int = 1) -> dict[str, Any]:
    """One of the sample response, as it is for an instance."""
    return {
        "Node": {
            "ID": "40e4a748-2192-161a-0510-9bf59fe950b5",
            "Node": "t2.320",
            "Address": "10.1.10.12",
            "Datacenter": "dc1",
            "TaggedAddresses": {"lan": "10.1.10.12", "wan": "10.1.10.12"},
            "Meta": {"instance_type": "t2.medium"},
        },
        "Service": {
            "ID": name,
            "Service": "redis",
            "Tags": ["primary", *tags],
            "Address": address,
            "Meta": {"redis_version": "4.0"},
            "Port": port,
            "Weights": {"Passing": weight, "Warning": 1},
            "Namespace": "default",
        },
        "Checks": [
            {
                "Node": "t2.320",
                "CheckID": "serfHealth",
                "Name": "Serf Health Status",
                "Status": "passing",
                "Notes": "",
                "Output": "",
                "ServiceID": "",
                "ServiceName": "",
                "ServiceTags": [],
            }
        ],
    }


class Catalogue:
    """A Consul agent, as far as it is asked here."""

    def __init__(self) -> None:
        self.services: dict[str, list[dict[str, Any]]] = {"redis": [entry("redis", 8000)]}
        self.index = 10
        self.status = 200
        self._changed = asyncio.Condition()

    async def change(self, name: str, *entries: dict[str, Any], index: int = 0) -> None:
        """Have a service consist of these from now on."""
        async with self._changed:
            self.services[name] = list(entries)
            self.index = index or self.index + 1
            self._changed.notify_all()

    async def serve(self, asked: Asked, answer: Answering) -> None:
        """Answer a query."""
        if self.status != 200:
            await answer.whole(b"Permission denied", status=self.status)
            return
        since = int(asked.query.get("index", ["0"])[0])
        async with self._changed:
            # "blocks until a change, or the wait is over"; an index from the future is none.
            await self._changed.wait_for(lambda: self.index != since)
        name = asked.path.rpartition("/")[2]
        body = json.dumps(self.services.get(name, [])).encode()
        await answer.whole(body, X_Consul_Index=str(self.index))


def provider(server: RegistryServer, *, ca: str = "", **more: str) -> ConsulProvider:
    settings = Consul(origin=server.origin(ca=ca), **more)
    wanted = {"cache": (ConsulService(service="redis", tags=("primary", "v1")), False)}
    return ConsulProvider(settings, wanted, now=time.monotonic)


@in_loop
async def test_what_passes_its_checks_is_found_and_changes_are_told_when_they_happen() -> None:
    consul = Catalogue()
    async with serving(consul.serve) as server, watched(provider(server)) as told:
        await told.until("cache", "10.1.10.12:8000")
        begun = time.monotonic()
        both = entry("redis", 8000), entry("redis2", 8001, address="10.1.10.13", weight=7)
        await consul.change("redis", *both)
        await told.until("cache", "10.1.10.12:8000", "10.1.10.13:8001")
        assert time.monotonic() - begun < 2.0
        now = told.now("cache")
        assert now is not None
        assert [(one.id, one.endpoint.weight) for one in now] == [
            ("t2.320/redis", 1),
            ("t2.320/redis2", 7),
        ]
        await consul.change("redis")
        await told.until("cache")
        assert told.unreachable == []


@in_loop
async def test_tags_declare_routes_as_long_as_they_are_there() -> None:
    consul = Catalogue()
    route = "tta-gateway.route=GET /live/{id} auth=none"
    async with serving(consul.serve) as server, watched(provider(server)) as told:
        await told.until("cache", "10.1.10.12:8000")
        assert told.routes("cache") == []
        await consul.change("redis", entry("redis", 8001, route, "urlprefix-/other"))
        await told.until("cache", "10.1.10.12:8001")
        assert told.routes("cache") == [Declared(path="/live/{id}", methods=("GET",), auth="none")]
        await consul.change("redis", entry("redis", 8002, "tta-gateway.route=live"))
        await told.until("cache", "10.1.10.12:8002")
        (bad,) = told.routes("cache")
        assert "has no path" in bad.fault
        await consul.change("redis")
        await told.until("cache")
        assert told.routes("cache") == []


@in_loop
async def test_what_is_asked_is_what_is_documented() -> None:
    consul = Catalogue()
    async with serving(consul.serve) as server:
        named = provider(server, token=TOKEN, datacenter="dc2")
        async with watched(named) as told:
            await told.until("cache", "10.1.10.12:8000")
            await consul.change("redis", entry("redis", 9))
            await told.until("cache", "10.1.10.12:9")
        first, second = server.asked[:2]
        assert (first.method, first.path) == ("GET", "/v1/health/service/redis")
        assert first.query == {"passing": ["true"], "tag": ["primary", "v1"], "dc": ["dc2"]}
        assert (second.query["index"], second.query["wait"]) == (["10"], ["60s"])
        assert first.fields["x-consul-token"] == TOKEN


@in_loop
async def test_an_index_that_goes_back_begins_anew() -> None:
    consul = Catalogue()
    async with serving(consul.serve) as server, watched(provider(server)) as told:
        await told.until("cache", "10.1.10.12:8000")
        await consul.change("redis", entry("redis", 8002), index=3)
        await told.until("cache", "10.1.10.12:8002")
        await consul.change("redis", entry("redis", 8003))
        await told.until("cache", "10.1.10.12:8003")
        assert [one.query.get("index") for one in server.asked[:3]] == [None, ["10"], None]


@in_loop
async def test_a_change_a_millisecond_is_no_query_a_millisecond() -> None:
    consul = Catalogue()
    async with serving(consul.serve) as server, watched(provider(server)) as told:
        await told.until("cache", "10.1.10.12:8000")
        begun = time.monotonic()
        for port in range(1, 200):
            await consul.change("redis", entry("redis", port))
            await asyncio.sleep(0.001)
        await told.until("cache", "10.1.10.12:199")
        # Two a second, however slow this machine is.
        assert len(server.asked) <= 3 + 2 * (time.monotonic() - begun)


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "look at the token"), (404, "look at its address"), (500, "answers 500")],
)
@in_loop
async def test_a_refusal_says_what_to_do(status: int, words: str) -> None:
    consul = Catalogue()
    consul.status = status
    async with serving(consul.serve) as server, watched(provider(server)) as told:
        assert words in await told.ends()
        assert told.all == []


@pytest.mark.parametrize("body", [b"<html>", b'[{"Node": {}}]', b"{}"])
@in_loop
async def test_who_is_not_consul_is_not_believed(body: bytes) -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.whole(body, X_Consul_Index="1")

    async with serving(serve) as server, watched(provider(server)) as told:
        assert "is not what it should be" in await told.ends()


@in_loop
async def test_an_answer_without_an_index_is_not_consul_s() -> None:
    async def serve(_: Asked, answer: Answering) -> None:
        await answer.whole(b"[]")

    async with serving(serve) as server, watched(provider(server)) as told:
        assert "X-Consul-Index" in await told.ends()


@in_loop
async def test_nobody_there_is_said() -> None:
    async with serving(Catalogue().serve) as server:
        gone = server
    told = Told()
    await told.watch(provider(gone))
    assert "refused" in told.unreachable[0].lower() or "Connect" in told.unreachable[0]


@in_loop
async def test_over_tls_the_agent_must_be_who_it_is_said_to_be(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    authority.cert_pem.write_to_path(str(good))
    other.cert_pem.write_to_path(str(bad))
    async with serving(Catalogue().serve, tls=context) as server:
        async with watched(provider(server, ca=str(good))) as told:
            await told.until("cache", "10.1.10.12:8000")
        async with watched(provider(server, ca=str(bad))) as told:
            assert "certificate is not good" in await told.ends()
        async with watched(provider(server, ca=str(tmp_path / "none"))) as told:
            assert "cannot be read" in await told.ends()
