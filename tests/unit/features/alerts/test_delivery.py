"""Delivery: a sink that is down costs tries and patience, and nobody else anything."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from tests.helpers.alerting import a_notice
from tests.helpers.house import Events
from tta_gateway.features.alerts.bound import Alertmanager, Notice, SinkBound, Webhook
from tta_gateway.features.alerts.delivery import Delivery
from tta_gateway.support.metrics import Registry
from tta_gateway.support.posting import NotTaken

WEBHOOK = Webhook(url="http://h", name="http://h")


class Script:
    """A sink that fails as it is told to, and ends its delivery once nothing is left to do."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults = list(faults)
        self.taken: list[list[str]] = []
        self.then: Callable[[], None] = lambda: None

    async def send(self, notices: Sequence[Notice]) -> None:
        fault = self.faults.pop(0) if self.faults else None
        self.taken.append([one.reason for one in notices])
        if not self.faults:
            self.then()
        if fault is not None:
            raise fault


class House:
    """A delivery to such a sink."""

    def __init__(self, sink: Script, bound: SinkBound = WEBHOOK) -> None:
        self.sink = sink
        self.registry = Registry()
        self.events = Events()
        self.pauses: list[float] = []

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        self.delivery = Delivery(
            bound,
            sink,
            registry=self.registry,
            log=cast("Any", self.events),
            chance=lambda: 1.0,
            sleep=cast("Callable[[float], Awaitable[None]]", sleep),
        )

    def runs(self) -> None:
        """Bring what there is, until the script is over."""
        self.sink.then = self.delivery.end
        asyncio.run(self.delivery.run())

    def counted(self) -> dict[str, float]:
        return {
            metric.name.removeprefix("tta_gateway_alerts_"): cells[0]
            for metric, _, cells in self.registry.collect()
        }


def test_a_sink_that_fails_is_tried_again_after_growing_pauses() -> None:
    house = House(Script(NotTaken("it is down"), NotTaken("it is down"), None))
    house.delivery.put([a_notice(), a_notice("resolved")])
    house.runs()
    assert house.sink.taken == [["new", "resolved"]] * 3
    assert house.pauses == [1.0, 2.0]
    assert house.counted() == {
        "sent_total": 2.0,
        "failures_total": 2.0,
        "dropped_total": 0.0,
        "waiting": 0.0,
    }
    assert [name for name, _ in house.events.told] == ["alerts_not_sent", "alerts_sent_again"]


def test_a_sink_that_refuses_for_good_is_not_asked_again() -> None:
    house = House(Script(NotTaken("it answers 400", again=False)))
    house.delivery.put([a_notice()])
    house.runs()
    assert (len(house.delivery.outbox), house.counted()["dropped_total"]) == (0, 1.0)
    assert house.delivery.failing == "it answers 400"


def test_a_fault_of_ours_ends_nothing() -> None:
    house = House(Script(KeyError("x"), None))
    house.delivery.put([a_notice()])
    house.runs()
    assert house.sink.taken == [["new"], ["new"]]


def test_it_waits_for_something_to_bring() -> None:
    house = House(Script(None))

    async def later() -> None:
        house.sink.then = house.delivery.end
        async with asyncio.TaskGroup() as group:
            group.create_task(house.delivery.run())
            await asyncio.sleep(0)
            house.delivery.put([a_notice()])

    asyncio.run(later())
    assert house.sink.taken == [["new"]]


def test_a_sink_hears_of_what_is_grave_enough() -> None:
    house = House(Script(), Webhook(url="http://h", name="h", severity="critical"))
    house.delivery.put([a_notice(), a_notice(severity="critical"), a_notice(severity="info")])
    assert len(house.delivery.outbox) == 1


def test_what_lasts_is_said_to_an_alertmanager_often_and_to_others_now_and_then() -> None:
    both = [a_notice("still"), a_notice("repeat", labels={"service": "other"})]
    bound = Alertmanager(url="http://h", name="h", resolve_timeout=100.0)
    alertmanager, webhook = House(Script(), bound), House(Script())
    for one in (alertmanager, webhook):
        one.delivery.put(both)
    assert [one.reason for one in alertmanager.delivery.outbox.take()] == ["still"]
    assert [one.reason for one in webhook.delivery.outbox.take()] == ["repeat"]
    assert (alertmanager.delivery.resend, webhook.delivery.resend) == (25.0, 0.0)
