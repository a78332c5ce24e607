"""Health by a running node: who is asked, who is not any more, and what clients hear of it.

Everything at its defaults: an endpoint is looked at every 2 s, and every 0.5 s while it changes.
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.gateway import free_port
from tests.helpers.probe import asked
from tests.helpers.scripted_upstream import Call, ScriptedUpstream
from tests.helpers.slow import companion_of, wait_until

pytestmark = pytest.mark.e2e

# An interval with its jitter, two hurried ones with theirs; and some time for a busy machine.
NOTICED: Final = 2.2 + 2 * 0.55 + 1.0
BACK: Final = 2.2 + 0.55 + 1.0
HEALTH: Final = {"path": "/health1", "body": '$.status == "healthy"'}


@dataclass
class Endpoint:
    """One endpoint: 200 whatever is asked, its health in the body, and who asked when."""

    upstream: ScriptedUpstream
    well: bool = True
    asked: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.upstream.on(self.health, under=b"/health") == b"/health1"
        assert self.upstream.on(self.work, under=b"/work") == b"/work2"

    def health(self, call: Call) -> None:
        said = "healthy" if self.well else "unhealthy"
        call.answer(b'{"status":"%b"}' % said.encode())

    def work(self, call: Call) -> None:
        self.asked.append(time.monotonic())
        call.answer(b"done")


class House:
    """A node and the endpoints behind it."""

    def __init__(self, folder: Path, one: Stage, probe: int, admin: int) -> None:
        self.stage = one
        self.probe = probe
        self.admin = Admin(admin, folder / "state")
        self.endpoints: dict[str, Endpoint] = {}

    def __getitem__(self, name: str) -> Endpoint:
        return self.endpoints[name]

    def ask(self, service: str) -> tuple[int, dict[str, Any], bytes | None]:
        """Ask a service; return status, problem, and what it does without."""
        with self.stage.client() as client:
            answer = client.get(b"/%b/work2" % service.encode())
            problem = json.loads(answer.body) if answer.status >= 400 else {}
            return answer.status, problem, answer.value(b"x-degraded")

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = self.stage.gateway.log.read_text().splitlines()
        told = [json.loads(line) for line in lines if f'"event":"{name}"' in line]
        return [one for one in told if one["event"] == name]

    def becomes(self, service: str, state: str, patience: float = 10.0) -> bool:
        """Wait until workers have heard of it."""
        key = ("tta_gateway_health_service_state", (service, state))
        found = wait_until(lambda: self.admin.samples().get(key) == 1.0, patience)
        time.sleep(0.1)
        return found

    def state_of(self, upstream: ScriptedUpstream) -> str:
        """Return how the endpoint of `players` at an upstream is, as control knows it."""
        with contextlib.suppress(OSError):  # control may not be there yet
            for one in self.admin.told("/admin/v1/services/players").get("endpoints", []):
                if upstream.url.endswith(one["endpoint"]):
                    return str(one["state"])
        return ""

    @contextlib.contextmanager
    def load(self, service: str) -> Iterator[list[int]]:
        """Steady load on a service for as long as the block lasts; the statuses that came."""
        statuses: list[int] = []
        over = threading.Event()

        def run() -> None:
            with self.stage.client() as client:
                while not over.is_set():
                    statuses.append(client.get(b"/%b/work2" % service.encode()).status)
                    time.sleep(0.005)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield statuses
        finally:
            over.set()
            thread.join()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("health")
    probe, admin = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        names = ("one", "other", "database", "mail", "left", "right")
        behind = {name: stack.enter_context(scripted()) for name in names}
        urls = {name: upstream.url for name, upstream in behind.items()}
        pair = [urls["left"], urls["right"]]
        services = {
            "players": {"endpoints": [urls["one"], urls["other"]], "health": HEALTH},
            "database": {"endpoints": [urls["database"]], "health": HEALTH},
            "mail": {"endpoints": [urls["mail"]], "health": HEALTH},
            "stories": {
                "endpoints": [urls["one"]],
                "depends_on": ["database", {"service": "mail", "kind": "soft"}],
            },
            "spread": {"endpoints": pair, "health": HEALTH},
            "fail": {"endpoints": pair, "health": HEALTH, "panic": {"then": "fail"}},
        }
        routes = [
            {
                "path": f"/{name}/{{rest:path}}",
                "service": name,
                "auth": "none",
                "rewrite": {"strip_prefix": f"/{name}"},
            }
            for name in services
        ]
        one = stack.enter_context(
            stage(
                folder,
                upstream=behind["one"],
                services=services,
                routes=routes,
                workers=2,
                admin=f"127.0.0.1:{admin}",
                probe=f"127.0.0.1:{probe}",
            )
        )
        made = House(folder, one, probe, admin)
        made.endpoints = {name: Endpoint(upstream) for name, upstream in behind.items()}
        assert wait_until(lambda: asked(probe)[1].get("control") == "serving")
        assert made.becomes("players", "healthy")
        yield made


def first(asked: list[float], since: float) -> float:
    return next(at for at in asked if at >= since) - since


def took(happened: Callable[[], bool], patience: float) -> float:
    begun = time.monotonic()
    assert wait_until(happened, patience)
    return time.monotonic() - begun


def test_an_endpoint_that_says_it_is_not_well_is_asked_no_more_and_again_when_it_is(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    one, other = house["one"], house["other"]
    with house.load("players") as statuses:
        assert wait_until(lambda: len(one.asked) > 20 and len(other.asked) > 20)
        begun = time.monotonic()
        one.well = False
        time.sleep(NOTICED)
        count = len(one.asked)
        time.sleep(1.5)
        assert len(one.asked) == count
        record_property("noticed_after", one.asked[-1] - begun)
        begun = time.monotonic()
        one.well = True
        assert took(lambda: len(one.asked) > count, BACK) < BACK
        record_property("back_after", first(one.asked, begun))
    assert set(statuses) == {200}
    (down,) = house.events("endpoint_down")
    assert (down["service"], down["cause"]) == ("players", '`$.status` is "unhealthy"')
    assert wait_until(lambda: len(house.events("endpoint_up")) == 1)


def test_who_is_down_stays_so_while_control_is_being_replaced(house: House) -> None:
    one = house["one"]
    one.well = False
    key = ("tta_gateway_health_endpoint_up", (one.upstream.url.removeprefix("http://"), "players"))
    assert wait_until(lambda: house.admin.samples()[key] == 0.0)
    time.sleep(0.2)
    before, transitions = len(one.asked), len(house.events("endpoint_down"))
    pid = companion_of(house.stage.gateway.process.pid, "control")
    assert pid
    with house.load("players") as statuses:
        os.kill(pid, signal.SIGKILL)
        assert wait_until(
            lambda: companion_of(house.stage.gateway.process.pid, "control") not in (None, pid)
        )
        assert wait_until(lambda: asked(house.probe)[1].get("control") == "serving", 15.0)
        time.sleep(1.0)
    assert set(statuses) == {200}
    assert len(one.asked) == before
    assert len(house.events("endpoint_down")) == transitions
    one.well = True
    assert wait_until(lambda: house.admin.samples().get(key) == 1.0)


def test_what_it_does_without_is_named_and_what_it_cannot_is_told(house: House) -> None:
    assert house.ask("stories")[::2] == (200, None)
    house["mail"].well = False
    assert house.becomes("stories", "degraded")
    assert house.ask("stories")[::2] == (200, b"mail")
    house["database"].well = False
    assert house.becomes("stories", "unhealthy")
    status, problem, _ = house.ask("stories")
    assert (status, problem["code"]) == (503, "upstream_unavailable")
    assert problem["detail"] == "The service `stories` needs `database`, which is down."
    house["database"].well = house["mail"].well = True
    assert house.becomes("stories", "healthy")
    assert house.ask("stories")[::2] == (200, None)
    assert [one["cause"] for one in house.events("service_unhealthy")][-1] == (
        "needs `database`, which is unhealthy"
    )


def test_when_all_are_unhealthy_all_are_asked_or_clients_hear_it_at_once(house: House) -> None:
    """Scenario 24 of security.md 6.1: by policy, with the cascade to be seen."""
    house["left"].well = house["right"].well = False
    assert house.becomes("spread", "unhealthy")
    assert house.becomes("fail", "unhealthy")
    assert house.ask("spread")[0] == 200
    status, problem, _ = house.ask("fail")
    assert (status, problem["code"]) == (503, "upstream_unavailable")
    assert problem["detail"] == "No endpoint of the service `fail` is fit to be asked."
    house["left"].well = True
    assert house.becomes("fail", "healthy")
    assert house.ask("fail")[0] == 200


def test_who_has_not_passed_its_first_check_is_not_asked_once_another_has(tmp_path: Path) -> None:
    """Red where endpoints of the configuration count as up from the gateway's start on.

    From the very first request on nobody is refused, though nothing is known of either yet.
    """
    probe, admin = free_port(), free_port()
    with scripted() as left, scripted() as right:
        well, unwell = Endpoint(left), Endpoint(right, well=False)
        route = {
            "path": "/players/{rest:path}",
            "service": "players",
            "auth": "none",
            "rewrite": {"strip_prefix": "/players"},
        }
        with stage(
            tmp_path,
            upstream=left,
            services={"players": {"endpoints": [left.url, right.url], "health": HEALTH}},
            routes=[route],
            workers=2,
            admin=f"127.0.0.1:{admin}",
            probe=f"127.0.0.1:{probe}",
        ) as one:
            house = House(tmp_path, one, probe, admin)
            with house.load("players") as statuses:
                assert wait_until(lambda: house.state_of(left) == "up")
                time.sleep(0.3)  # until workers have heard of it
                count, others = len(unwell.asked), len(well.asked)
                assert wait_until(lambda: house.state_of(right) == "down")
                assert len(unwell.asked) == count
                assert wait_until(lambda: len(well.asked) > others + 100)
                unwell.well = True
                assert wait_until(lambda: len(unwell.asked) > count)
            assert set(statuses) == {200}
            # That who was there before passes is no news; that one does not is.
            assert wait_until(lambda: len(house.events("endpoint_up")) == 1)
            assert len(house.events("endpoint_down")) == 1
