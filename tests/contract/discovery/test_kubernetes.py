"""Kubernetes, against a contract server: `v1` as documented, and what no server does when asked to.

What a real one answered is in test_kubernetes_recorded.py, with `v1beta1`.  The shapes here are
those of the project's documentation: *EndpointSlices* (the example of a slice, conditions), *API
Concepts* (lists with `resourceVersion`, watches as a JSON object a line, bookmarks, 410 Gone as a
status and as an `ERROR` event with a `Status` object) and the reference of `discovery.k8s.io/v1`.
Fields that do not matter are left as they stand there.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.found import in_loop, watched
from tests.helpers.registry_server import Answering, Asked, RegistryServer, serving
from tta_gateway.features.discovery.bound import Kubernetes, KubernetesService
from tta_gateway.features.discovery.kubernetes_provider import KubernetesProvider
from tta_gateway.kernel.registered import Declared

NONE: Mapping[str, str] = {}
PATH = "/apis/discovery.k8s.io/v1/namespaces/tta/endpointslices"
GONE = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "too old resource version: 10245 (10250)",
    "reason": "Expired",
    "code": 410,
}


def address(*addresses: str, **conditions: bool | None) -> dict[str, Any]:
    """An endpoint of a slice."""
    return {
        "addresses": list(addresses),
        "conditions": conditions,
        "hostname": "pod-1",
        "nodeName": "node-1",
        "zone": "us-west2-a",
        "targetRef": {"kind": "Pod", "name": f"pod-{addresses[0]}"},
    }


READY = {"ready": True, "serving": True, "terminating": False}
ENDING = {"ready": False, "serving": True, "terminating": True}
ENDED = {"ready": False, "serving": False, "terminating": True}


class Cluster:
    """An API server, as far as it is asked here."""

    def __init__(self) -> None:
        self.version = 10245
        self.slices: dict[str, dict[str, Any]] = {}
        self.status = 200
        self.watch_status = 200
        self.watches: list[asyncio.Queue[dict[str, Any] | None]] = []

    def put(
        self,
        name: str,
        *endpoints: dict[str, Any],
        port: int = 80,
        annotations: Mapping[str, str] = NONE,
    ) -> None:
        """Have a slice be so from now on."""
        self.version += 1
        kind = "MODIFIED" if name in self.slices else "ADDED"
        self.slices[name] = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "labels": {"kubernetes.io/service-name": "example"},
                "annotations": {
                    "endpoints.kubernetes.io/last-change-trigger-time": "2026-11-26T02:00:00Z",
                    **annotations,
                },
                "resourceVersion": str(self.version),
            },
            "addressType": "IPv4",
            "ports": [
                {"name": "metrics", "protocol": "TCP", "port": 9100},
                {"name": "http", "protocol": "TCP", "port": port},
            ],
            "endpoints": list(endpoints) or None,
        }
        self.tell(kind, self.slices[name])

    def delete(self, name: str) -> None:
        """Have no such slice any more."""
        self.version += 1
        self.tell("DELETED", self.slices.pop(name))

    def tell(self, kind: str, told: dict[str, Any]) -> None:
        """Send an event to whoever watches."""
        for one in self.watches:
            one.put_nowait({"type": kind, "object": told})

    def end_watches(self) -> None:
        """End every watch, as an API server does after a while."""
        for one in self.watches:
            one.put_nowait(None)

    async def serve(self, asked: Asked, answer: Answering) -> None:
        """Answer."""
        if self.status != 200:
            await answer.whole(b"{}", status=self.status)
        elif "watch" not in asked.query:
            meta = {"resourceVersion": str(self.version)}
            listed = {"kind": "EndpointSliceList", "metadata": meta}
            items = list(self.slices.values())
            await answer.whole(json.dumps({**listed, "items": items}).encode())
        elif self.watch_status != 200:
            status, self.watch_status = self.watch_status, 200
            await answer.whole(json.dumps(GONE).encode(), status=status)
        else:
            await self._watch(answer)

    async def _watch(self, answer: Answering) -> None:
        events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.watches.append(events)
        await answer.begin()
        while (event := await events.get()) is not None:
            line = json.dumps(event).encode() + b"\n"
            for piece in (line[:20], line[20:]):  # a line need not come in one
                await answer.piece(piece)
        self.watches.remove(events)
        await answer.end()

    async def is_watched(self) -> None:
        """Wait until somebody watches."""
        async with asyncio.timeout(5):
            while not self.watches:  # noqa: ASYNC110 - the server is no part of the test
                await asyncio.sleep(0.01)


def provider(server: RegistryServer, *, token: str = "", port: str = "http") -> KubernetesProvider:
    settings = Kubernetes(origin=server.origin(), token_file=token, namespace="tta")
    wanted = {"mail": (KubernetesService(service="example", port=port), False)}
    return KubernetesProvider(settings, wanted)


@in_loop
async def test_the_slices_of_a_service_are_listed_and_then_watched() -> None:
    cluster = Cluster()
    cluster.put("example-abc", address("10.1.2.3", **READY))
    async with serving(cluster.serve) as server, watched(provider(server)) as told:
        await told.until("mail", "10.1.2.3:80")
        await cluster.is_watched()
        cluster.put("example-def", address("10.1.2.4", "10.9.9.9", **READY), port=8080)
        await told.until("mail", "10.1.2.3:80", "10.1.2.4:8080")
        cluster.delete("example-abc")
        await told.until("mail", "10.1.2.4:8080")
        cluster.put("example-def")
        await told.until("mail")
        first, second = server.asked
        assert (first.path, second.path) == (PATH, PATH)
        assert first.query == {"labelSelector": ["kubernetes.io/service-name=example"]}
        assert second.query["allowWatchBookmarks"] == ["true"]
        assert second.query["resourceVersion"] == ["10246"]


@in_loop
async def test_annotations_declare_routes_as_long_as_their_slice_has_endpoints() -> None:
    cluster = Cluster()
    said = '[{"path": "/live/{id}", "methods": ["GET"], "auth": "none"}]'
    cluster.put(
        "example-abc", address("10.1.2.3", **READY), annotations={"tta-gateway/routes": said}
    )
    async with serving(cluster.serve) as server, watched(provider(server)) as told:
        await told.until("mail", "10.1.2.3:80")
        route = Declared(path="/live/{id}", methods=("GET",), auth="none")
        assert told.routes("mail") == [route]
        await cluster.is_watched()
        cluster.put("example-abc", address("10.1.2.3", **READY), port=81)
        await told.until("mail", "10.1.2.3:81")
        assert told.routes("mail") == []
        cluster.put(
            "example-abc",
            address("10.1.2.3", **READY),
            port=82,
            annotations={"tta-gateway/routes": said},
        )
        await told.until("mail", "10.1.2.3:82")
        assert told.routes("mail") == [route]
        cluster.put(
            "example-abc", address("10.1.2.3", **ENDED), annotations={"tta-gateway/routes": said}
        )
        await told.until("mail")
        assert told.routes("mail") == []


@in_loop
async def test_what_terminates_drains_while_it_serves_and_what_is_not_ready_is_left_out() -> None:
    cluster = Cluster()
    everybody = [
        address("10.0.0.1", **READY),
        address("10.0.0.2", **ENDING),
        address("10.0.0.3", **ENDED),
        address("10.0.0.4", ready=False, serving=False, terminating=False),
        address("10.0.0.5"),  # what is not said counts as ready
    ]
    cluster.put("example-abc", *everybody)
    async with serving(cluster.serve) as server, watched(provider(server)) as told:
        await told.until("mail", "10.0.0.1:80", "10.0.0.2:80 drains", "10.0.0.5:80")


@pytest.mark.parametrize("way", ["status", "event"])
@in_loop
async def test_what_is_gone_is_listed_anew(way: str) -> None:
    cluster = Cluster()
    cluster.put("example-abc", address("10.1.2.3", **READY))
    if way == "status":
        cluster.watch_status = 410
    async with serving(cluster.serve) as server, watched(provider(server)) as told:
        await told.until("mail", "10.1.2.3:80")
        if way == "event":
            await cluster.is_watched()
            watches, cluster.watches = cluster.watches, []
            cluster.put("example-abc", address("10.1.2.4", **READY))  # nobody hears of it
            for one in watches:
                one.put_nowait({"type": "ERROR", "object": GONE})
                one.put_nowait(None)
            cluster.watches = [*watches]
        else:
            await cluster.is_watched()
            cluster.put("example-abc", address("10.1.2.4", **READY))
        await told.until("mail", "10.1.2.4:80")
        assert len([one for one in server.asked if "watch" not in one.query]) == 2
        assert told.unreachable == []


@in_loop
async def test_the_next_watch_begins_where_the_last_bookmark_was() -> None:
    cluster = Cluster()
    cluster.put("example-abc", address("10.1.2.3", **READY))
    async with serving(cluster.serve) as server, watched(provider(server)) as told:
        await cluster.is_watched()
        bookmark = {"kind": "EndpointSlice", "metadata": {"resourceVersion": "12746"}}
        cluster.tell("BOOKMARK", bookmark)
        cluster.end_watches()
        async with asyncio.timeout(5):
            while len(server.asked) < 3:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        assert server.asked[2].query["resourceVersion"] == ["12746"]
        assert told.places("mail") == ["10.1.2.3:80"]


@in_loop
async def test_a_token_is_read_anew_each_time(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    cluster = Cluster()
    async with (
        serving(cluster.serve) as server,
        watched(provider(server, token=str(token))) as told,
    ):
        await cluster.is_watched()
        token.write_text("second\n")
        cluster.end_watches()
        async with asyncio.timeout(5):
            while len(server.asked) < 3:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        said = [one.fields["authorization"] for one in server.asked]
        assert said == ["Bearer first", "Bearer first", "Bearer second"]
        token.unlink()
        cluster.end_watches()
        assert "cannot be read" in await told.ends()


@in_loop
async def test_a_port_that_no_slice_has_leaves_nobody() -> None:
    cluster = Cluster()
    cluster.put("example-abc", address("10.1.2.3", **READY))
    async with serving(cluster.serve) as server:
        async with watched(provider(server, port="grpc")) as told:
            await told.until("mail")
        async with watched(provider(server, port="9100")) as told:
            await told.until("mail", "10.1.2.3:9100")
        async with watched(provider(server, port="")) as told:
            await told.until("mail", "10.1.2.3:9100")


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "look at the token"), (404, "look at its address"), (500, "answers 500")],
)
@in_loop
async def test_a_refusal_says_what_to_do(status: int, words: str) -> None:
    cluster = Cluster()
    cluster.status = status
    async with serving(cluster.serve) as server, watched(provider(server)) as told:
        assert words in await told.ends()


@in_loop
async def test_a_watch_that_fails_says_why_and_one_that_is_garbage_too() -> None:
    cluster = Cluster()
    async with serving(cluster.serve) as server:
        async with watched(provider(server)) as told:
            await cluster.is_watched()
            cluster.tell("ERROR", {**GONE, "code": 500, "message": "etcd is away"})
            assert "etcd is away" in await told.ends()
        cluster.watches.clear()
        async with watched(provider(server)) as told:
            await cluster.is_watched()
            cluster.tell("ADDED", {"metadata": {"name": "x"}, "endpoints": 7})
            assert "is not what it should be" in await told.ends()
