"""The service of alerts: from events to what is owed to sinks, logged, counted and kept."""

import asyncio
from typing import Any, cast

from tests.helpers.alerting import endpoint, service
from tests.helpers.fake_clock import FakeClock
from tests.helpers.house import Events
from tta_gateway.features.alerts.alertmanager_sink import AlertmanagerSink
from tta_gateway.features.alerts.bound import (
    Alertmanager,
    AlertsBound,
    Kept,
    Mail,
    Rules,
    SinkBound,
    Webhook,
)
from tta_gateway.features.alerts.service import Alerts
from tta_gateway.features.alerts.smtp_sink import SmtpSink
from tta_gateway.features.alerts.webhook_sink import WebhookSink
from tta_gateway.kernel.events import CertificateExpires, RegistryChanged, ServiceTlsChanged
from tta_gateway.support.metrics import Registry

HOOK = Webhook(url="http://127.0.0.1:1/", name="http://127.0.0.1:1")
MANAGER = Alertmanager(url="http://127.0.0.1:1", name="am", resolve_timeout=100.0)
MAIL = Mail(host="127.0.0.1", port=1, security="none", name="mail", sender="a@b", to=("c@d",))


class House:
    """Alerts of a node, whose sinks nobody runs."""

    def __init__(self, *, kept: Kept | None = None) -> None:
        self.clock = FakeClock()
        self.events = Events()
        self.registry = Registry()
        self.kept: list[Kept | None] = []
        self.alerts = Alerts(
            wall=self.clock.wall,
            log=cast("Any", self.events),
            registry=self.registry,
            keep=self.kept.append,
            chance=lambda: 0.5,
        )
        if kept is not None:
            self.alerts.recover(kept)

    def adopts(
        self, *sinks: SinkBound, services: tuple[str, ...] = ("players",), node: str = "n"
    ) -> None:
        self.alerts.adopt(AlertsBound(node=node, rules=Rules(calm=10.0), sinks=sinks), services)
        for one in self.alerts.deliveries.values():
            one.begun = True  # nobody is to run them

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.alerts.tick()

    def owed(self, name: str) -> list[str]:
        return [one.reason for one in self.alerts.deliveries[name].outbox.owed()]

    def logged(self) -> list[str]:
        return [name for name, _ in self.events.told]

    def counted(self, name: str) -> dict[str, float]:
        return {
            labels[0]: cells[0]
            for metric, labels, cells in self.registry.collect()
            if metric.name == f"tta_gateway_{name}" and cells[0]
        }


def test_each_sink_is_owed_what_happens() -> None:
    house = House()
    house.adopts(HOOK, MAIL, MANAGER)
    house.alerts.hear(endpoint("down", at=house.clock.wall()))
    house.passes(10)
    house.alerts.hear(endpoint("up", at=house.clock.wall()))
    house.passes(20)
    assert [house.owed(name) for name in (HOOK.name, "mail", "am")] == [
        ["new", "resolved"],
        ["new", "resolved"],
        ["resolved"],  # of each alert the newest counts there
    ]
    assert house.logged() == ["alert_firing", "alert_resolved"]
    assert house.counted("transitions_total") == {"endpoint_down": 1.0, "endpoint_up": 1.0}


def test_what_control_sees_has_a_line_of_its_own() -> None:
    house = House()
    house.alerts.hear(service("unhealthy", cause="down: stories"))
    house.alerts.hear(CertificateExpires(name="a", state="soon", expires=1.0, at=1.0))
    house.alerts.hear(RegistryChanged(provider="etcd", reachable=False, at=1.0))
    house.alerts.hear(endpoint("ejected", by="worker 7"))
    house.alerts.hear(endpoint("down", cause="silent", by="control"))
    assert house.events.told == [
        (
            "service_unhealthy",
            {"service": "players", "before": "healthy", "cause": "down: stories"},
        ),
        (
            "endpoint_down",
            {"service": "players", "endpoint": "10.0.0.1:80", "cause": "silent"},
        ),
    ]


def test_that_tls_works_counts_where_it_did_not() -> None:
    house = House()
    works, fails = (
        ServiceTlsChanged(service="s", endpoint="e", works=one, at=1.0, by="worker 1")
        for one in (True, False)
    )
    for event in (works, works, fails, works):
        house.alerts.hear(event)
    assert house.counted("transitions_total") == {"tls_failed": 1.0, "tls_works": 1.0}


def test_alerts_that_fire_are_counted_until_their_cause_is_away() -> None:
    house = House()
    house.alerts.hear(endpoint("down"))
    house.alerts.hear(endpoint("down", name="10.0.0.2:80"))
    house.passes(1)
    assert house.counted("alerts_firing") == {"EndpointDown": 2.0}
    house.alerts.hear(endpoint("gone"))
    house.alerts.hear(endpoint("gone", name="10.0.0.2:80"))
    house.passes(1)
    assert house.counted("alerts_firing") == {}


def test_an_alertmanager_is_reminded_of_what_lasts() -> None:
    house = House()
    house.adopts(MANAGER)
    house.alerts.hear(endpoint("down", at=house.clock.wall()))
    house.passes(10)
    outbox = house.alerts.deliveries["am"].outbox
    outbox.take()
    outbox.arrived()
    house.passes(60)
    assert [one.reason for one in outbox.take()] == ["still"]


def test_the_next_control_goes_on_where_this_one_stopped() -> None:
    before = House()
    before.adopts(HOOK)
    before.alerts.hear(endpoint("down", at=before.clock.wall()))
    before.passes(10)
    kept = before.kept[-1]
    assert kept is not None
    after = House(kept=kept)
    after.adopts(HOOK)
    assert after.owed(HOOK.name) == ["new"]
    after.passes(10)
    assert after.owed(HOOK.name) == ["new"]
    assert after.counted("alerts_firing") == {"EndpointDown": 1.0}


def test_what_has_arrived_is_not_owed_to_the_next_control() -> None:
    house = House()
    house.adopts(HOOK)
    house.alerts.hear(endpoint("down", at=house.clock.wall()))
    house.passes(10)
    delivery = house.alerts.deliveries[HOOK.name]
    delivery.outbox.take()
    delivery.outbox.arrived()
    delivery.changed = True
    delivery.moved()
    assert house.kept[-1] is not None
    assert house.kept[-1].owed == {}
    assert len(house.kept[-1].alerts) == 1


def test_nothing_is_kept_when_nothing_is_left() -> None:
    house = House()
    house.adopts()
    house.alerts.hear(endpoint("down", at=house.clock.wall()))
    house.passes(10)
    house.alerts.hear(endpoint("up", at=house.clock.wall()))
    house.passes(1000)
    house.alerts.hear(endpoint("down", at=house.clock.wall()))
    house.passes(10)
    assert house.kept[-1] is not None
    assert len(house.kept) < 10


def test_a_sink_that_stays_keeps_what_it_is_owed_and_so_does_one_that_changes() -> None:
    house = House()
    house.adopts(HOOK, MAIL)
    house.alerts.hear(endpoint("down", at=house.clock.wall()))
    house.passes(10)
    before = dict(house.alerts.deliveries)
    changed = Webhook(url="http://127.0.0.1:1/", name=HOOK.name, token="other")
    house.adopts(changed, MAIL)
    assert house.alerts.deliveries["mail"] is before["mail"]
    assert house.alerts.deliveries[HOOK.name] is not before[HOOK.name]
    assert (house.owed(HOOK.name), house.owed("mail")) == (["new"], ["new"])
    house.adopts(MAIL)
    assert list(house.alerts.deliveries) == ["mail"]
    house.adopts(MAIL, node="other")
    assert house.alerts.deliveries["mail"] is not before["mail"]


def test_each_kind_of_sink_has_its_own() -> None:
    house = House()
    sinks = [house.alerts._sink(one) for one in (HOOK, MAIL, MANAGER)]
    assert [type(one) for one in sinks] == [WebhookSink, SmtpSink, AlertmanagerSink]


def test_what_is_about_a_service_that_is_gone_ends() -> None:
    house = House()
    house.adopts(HOOK)
    house.alerts.hear(endpoint("down", at=house.clock.wall()))
    house.passes(10)
    house.adopts(HOOK, services=())
    house.passes(20)
    assert house.owed(HOOK.name) == ["new", "resolved"]


def test_operators_read_what_there_is() -> None:
    house = House()
    house.adopts(HOOK)
    house.alerts.hear(service("degraded", at=house.clock.wall() + 1.0))
    house.alerts.hear(endpoint("down", at=house.clock.wall(), cause="status 503"))
    house.alerts.hear(endpoint("up", at=house.clock.wall() + 1.0))
    told = cast("dict[str, Any]", house.alerts.told())
    assert told["node"] == "n"
    assert told["sinks"] == [{"sink": HOOK.name, "waiting": 0, "failing": None}]
    assert told["alerts"][0] == {
        "alert": "EndpointDown",
        "severity": "warning",
        "state": "passed",
        "labels": {"service": "players", "endpoint": "10.0.0.1:80"},
        "summary": "players 10.0.0.1:80 does not pass its checks",
        "cause": "status 503",
        "starts_at": "2023-11-14T22:13:20.000Z",
        "ended_at": "2023-11-14T22:13:21.000Z",
        "recovery": "it passes its checks again",
        "flapping": False,
        "times": 1,
    }
    assert (told["alerts"][1]["alert"], told["alerts"][1]["ended_at"]) == ("ServiceDegraded", None)


def test_sinks_begin_with_the_first_look() -> None:
    house = House()
    house.alerts.adopt(AlertsBound(sinks=(HOOK,)), [])

    async def look() -> None:
        house.alerts.tick()
        house.alerts.tick()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert [one.get_name() for one in tasks] == ["alerts to http://127.0.0.1:1"]
        for one in tasks:
            one.cancel()

    asyncio.run(look())


def test_the_death_of_a_delivery_is_told() -> None:
    house = House()
    house.alerts._died("alerts to x", ValueError())
    assert house.logged() == ["task_died"]
