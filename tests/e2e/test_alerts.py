"""Alerts of a running node: a service dies and comes back, and whoever is to know hears of it once.

Fault 43 of the list of faults (an expired certificate of a service is answered with 502, and is an
alert) stands here too.
"""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.edge.stage import Stage, scripted, stage
from tests.helpers.admin import Admin
from tests.helpers.alert_receiver import Receiver
from tests.helpers.certificates import Folder
from tests.helpers.clients import Client
from tests.helpers.gateway import free_port
from tests.helpers.slow import companion_of, wait_until
from tta_gateway.features.alerts.metrics import TRANSITIONS
from tta_gateway.support.posting import signature

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).parents[2]
SECRET: Final = "kanarienvogel"
RULES: Final = {"node": "edge-1", "wait": "500ms", "calm": "3s"}


class Service:
    """A process that answers at a port, until it is killed."""

    def __init__(self, port: int) -> None:
        self.name = f"127.0.0.1:{port}"
        self.url = f"http://{self.name}"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to answer."""
        command = [sys.executable, "-m", "tests.helpers.busy_service", str(self._port)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        assert wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            with Client(self._port) as client:
                client.ask(b"/fast")
                return client.answer().status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """End it, as the kernel would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@dataclass(slots=True)
class Node:
    """Two workers before two services, and those who hear of them."""

    stage: Stage
    admin: Admin
    services: tuple[Service, Service]
    webhook: Receiver
    manager: Receiver
    statuses: list[int] = field(default_factory=list)

    def ask(self) -> int:
        """Ask once, on a new connection, so that every worker gets its turn."""
        with self.stage.client() as client:
            client.ask(b"/fast")
            status = client.answer().status
        self.statuses.append(status)
        return status


@contextlib.contextmanager
def asking(node: Node) -> Iterator[None]:
    """Clients that ask all the time."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.005):
            node.ask()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    admin = free_port()
    services = Service(free_port()), Service(free_port())
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(scripted())
        webhook, manager = stack.enter_context(Receiver()), stack.enter_context(Receiver())
        for one in services:
            stack.callback(one.kill)
            one.start()
        up: Mapping[str, Any] = {
            "endpoints": [one.url for one in services],
            "balance": "round_robin",
            "outliers": {"failures": 2, "shortest": "1s", "longest": "2s"},
            "slow_start": "0s",  # who is let back in, and dead, fails long before it seems calm
        }
        hook = {"url": f"{webhook.url}/hook", "secret": {"file": str(secret)}}
        sinks = {"webhooks": [hook], "alertmanagers": [{"url": manager.url}]}
        more = {
            "workers": 2,
            "admin": f"127.0.0.1:{admin}",
            "services": {"up": up},
            "alerts": {**RULES, **sinks},
        }
        gateway = stack.enter_context(stage(tmp_path, upstream=upstream, **more))
        yield Node(gateway, Admin(admin, tmp_path / "state"), services, webhook, manager)


def test_a_service_that_dies_is_told_of_once_and_once_that_it_is_back(node: Node) -> None:
    """Red without the line of `bus.subscribe` in node/alerting.py, `listen`."""
    dead = node.services[1]
    with asking(node):
        dead.kill()
        assert node.webhook.hears("EndpointEjected", "firing")
        assert wait_until(lambda: ejections(node) >= 4.0, 20.0)  # both workers, again and again
        # Let back in, it is calming, until it has failed again.
        assert wait_until(lambda: listed(node) == [("EndpointEjected", "firing")])
        dead.start()
        assert node.webhook.hears("EndpointEjected", "resolved")
    (fires,) = node.webhook.told("EndpointEjected", "firing")
    (over,) = node.webhook.told("EndpointEjected", "resolved")
    assert fires["labels"] == over["labels"] == {"service": "up", "endpoint": dead.name}
    assert "failures in a row, the last: upstream_connection_refused" in fires["cause"]
    assert (over["recovery"], over["starts_at"]) == ("it is asked again", fires["starts_at"])
    assert set(node.statuses) == {200}
    check_signatures(node.webhook)
    check_manager(node.manager, dead.name)


def listed(node: Node) -> list[tuple[str, str]]:
    told = node.admin.told("/admin/v1/alerts")["alerts"]
    return [(one["alert"], one["state"]) for one in told]


def ejections(node: Node) -> float:
    return node.admin.samples().get(("tta_gateway_transitions_total", ("endpoint_ejected",)), 0.0)


def check_signatures(webhook: Receiver) -> None:
    for call in webhook.calls:
        said = call.fields["x-tta-signature"]
        at = float(said.removeprefix("t=").partition(",")[0])
        assert said == signature(SECRET, call.body, now=at)


def check_manager(manager: Receiver, endpoint: str) -> None:
    """An Alertmanager has heard the same, in its own form."""
    assert {call.path for call in manager.calls} == {"/api/v2/alerts"}
    posted = [one for call in manager.calls for one in call.json]
    assert {one["labels"]["endpoint"] for one in posted} == {endpoint}
    assert {one["labels"]["node"] for one in posted} == {"edge-1"}
    assert wait_until(lambda: "recovery" in manager.calls[-1].json[-1]["annotations"])


def test_an_alert_outlives_the_process_that_sent_it(node: Node) -> None:
    """Red without `alerting.recover` in node/assemble_control.py, `_go_on`."""
    dead = node.services[1]
    with asking(node):
        dead.kill()
        assert node.webhook.hears("EndpointEjected", "firing")
        first = control_of(node)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: control_of(node) not in (None, first))
        assert wait_until(lambda: bool(told_after(node)), 20.0)
        dead.start()
        assert node.webhook.hears("EndpointEjected", "resolved")
    # What was on its way to a control that died is sent again, under the same id.
    told = {one["id"]: (one["alert"], one["status"]) for one in node.webhook.alerts()}
    assert list(told.values()) == [("EndpointEjected", "firing"), ("EndpointEjected", "resolved")]


def control_of(node: Node) -> int | None:
    return companion_of(node.stage.gateway.process.pid, "control")


def told_after(node: Node) -> list[object]:
    """What fires, as the control says that is there now."""
    try:
        alerts: list[object] = node.admin.told("/admin/v1/alerts")["alerts"]
    except OSError:
        return []
    return alerts


def test_an_expired_certificate_of_a_service_is_an_alert_until_it_is_renewed(
    tmp_path: Path,
) -> None:
    """Fault 43.  Red without `_tell_of_tls` in node/assemble_worker.py."""
    folder = Folder(tmp_path / "certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = folder.issue("127.0.0.1", days=-1)
    context.load_cert_chain(made["certificate"], made["key"])
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(scripted(tls=context))
        webhook = stack.enter_context(Receiver())
        port = free_port()
        more: dict[str, object] = {
            "admin": f"127.0.0.1:{port}",
            "services": {"up": {"endpoints": [upstream.url], "ca": str(folder.ca)}},
            "alerts": {**RULES, "webhooks": [{"url": webhook.url}]},
        }
        one = stack.enter_context(stage(tmp_path, upstream=upstream, **more))
        before = status(one)
        assert webhook.hears("ServiceTlsFails", "firing")
        renewed = folder.issue("127.0.0.1")
        context.load_cert_chain(renewed["certificate"], renewed["key"])
        after = status(one)
        assert webhook.hears("ServiceTlsFails", "resolved")
        (fires,) = webhook.told("ServiceTlsFails", "firing")
        numbers = Admin(port, tmp_path / "state")
        assert wait_until(lambda: of_tls(numbers) == {"tls_failed": 1.0, "tls_works": 1.0})
    assert (before, after) == (502, 200)
    assert fires["labels"] == {
        "service": "up",
        "endpoint": upstream.url.removeprefix("https://"),
    }
    assert (fires["severity"], fires["cause"]) == ("critical", "certificate has expired")


def of_tls(numbers: Admin) -> dict[str, float]:
    """How often TLS to a service was found to fail, or to work again."""
    counted = numbers.samples().items()
    found = {values[0]: count for (name, values), count in counted if name == TRANSITIONS.name}
    return {kind: count for kind, count in found.items() if kind.startswith("tls_")}


def status(one: Stage) -> int:
    with one.client() as client:
        client.ask(b"/a")
        return client.answer().status
