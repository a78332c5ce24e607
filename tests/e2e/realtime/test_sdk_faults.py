"""What unmodified SDKs are told, and what they hear, while workers die, stop, and send too much.

All SDKs read side by side, each in both its codecs, and all of them must hear the same.
"""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.helpers.gateway import start_gateway
from tests.helpers.hub_stage import HubStage, hub_stage, token
from tests.helpers.sdk import KINDS, Sdk, SdkClient
from tests.helpers.slow import wait_until, workers_of

pytestmark = pytest.mark.e2e
CHANNEL = "session:faults"
LARGE = "x" * 14_000


@pytest.fixture(scope="module")
def sdks() -> Iterator[list[Sdk]]:
    """All of them."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Sdk(kind)) for kind in KINDS]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubStage]:
    """A gateway of a test's own; nobody is asked for a sign of life while a line is cut."""
    with hub_stage(tmp_path, queue="256KiB", ping="30s", pong="20s") as made:
        yield made


def readers(hub: HubStage, sdks: list[Sdk], *, each: int = 1) -> list[SdkClient]:
    """Clients of all SDKs, which read."""
    made = []
    for (kind, sdk), number in itertools.product(zip(KINDS, sdks, strict=True), range(each)):
        name = f"{kind}-{number}-{hub.line.port}"
        made.append(sdk.client(name, hub.url, token(name), token(name)))
    for one in made:
        one.reads(CHANNEL)
    return made


def writer(hub: HubStage, sdk: Sdk, number: int = 0) -> SdkClient:
    """A client that comes to the gateway by a way of its own."""
    name = f"writer-{number}-{hub.line.port}"
    made = sdk.client(name, hub.direct, token(name), token(name))
    made.connected()
    return made


class Writing:
    """Writers that go on, whatever happens."""

    def __init__(self, writers: list[SdkClient]) -> None:
        self.sure: set[str] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(one,)) for one in writers]

    def _go_on(self, client: SdkClient) -> None:
        for number in itertools.count():
            if self._stop.wait(0.002):
                return
            said = f"{client.name} {number}"
            if client.tries_to_publish(CHANNEL, said):
                self.sure.add(said)

    def __enter__(self) -> "Writing":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for one in self._threads:
            one.join()


def test_who_reads_through_workers_that_die_misses_nothing(hub: HubStage, sdks: list[Sdk]) -> None:
    gateway = hub.gateway.stage.gateway.process.pid
    reading = readers(hub, sdks, each=2)
    with Writing([writer(hub, sdk, number) for number, sdk in enumerate(sdks)]) as writing:
        for _ in range(2):
            for worker in workers_of(gateway):
                begun = len(writing.sure)
                assert wait_until(lambda begun=begun: len(writing.sure) > begun + 50)
                os.kill(worker, signal.SIGKILL)
                assert wait_until(
                    lambda worker=worker: (
                        worker not in workers_of(gateway) and len(workers_of(gateway)) == 2
                    )
                )
            hub.line.drop()
    last = writer(hub, sdks[0], 9)
    said = (f"last {number}" for number in itertools.count())  # a new worker may refuse it (100)
    ended = next(one for one in said if last.tries_to_publish(CHANNEL, one))
    told = []
    for one in reading:
        one.wait("publication", channel=CHANNEL, data=ended)
        told.append(one.heard(CHANNEL, 1))
    assert [offset for offset, _ in told[0]] == list(range(1, len(told[0]) + 1))
    assert all(one == told[0] for one in told)
    heard = [data for _, data in told[0]]
    assert len(set(heard)) == len(heard)
    assert writing.sure <= set(heard)
    for one in reading:
        assert len(one.events("subscribed")) > 1
        assert all(again["recovered"] for again in one.events("subscribed")[1:])


def test_who_does_not_read_is_told_to_come_back_and_misses_nothing(
    hub: HubStage, sdks: list[Sdk]
) -> None:
    reading = readers(hub, sdks)
    writing = writer(hub, sdks[0])
    writing.publish(CHANNEL, *(f"{number}" for number in range(20)))
    hub.line.cut()
    sent = 20
    last = 0
    while (n := writing.ask("stats", channel=CHANNEL)[0]):
        if n != last: print("STATS", n, sent); last = n
        writing.publish(CHANNEL, *(f"{sent + number}{LARGE}" for number in range(5)))
        sent += 5
        assert sent < 3000
    hub.line.mend()
    import time; time.sleep(4)
    for one in reading:
        print("X", one.name, one.events("connecting"), one.events("subscribed"), len(one.events("publication")))
    for one in reading:
        told = one.heard(CHANNEL, sent)
        assert [offset for offset, _ in told] == list(range(1, sent + 1))
        assert one.codes("connecting") == [0, 3008]
        assert one.events("subscribed")[-1]["recovered"]


def test_a_gateway_that_stops_says_so_and_they_come_back_to_the_next(
    hub: HubStage, sdks: list[Sdk], tmp_path: Path
) -> None:
    reading = readers(hub, sdks, each=2)
    gateway = hub.gateway.stage.gateway
    config = yaml.safe_load((tmp_path / "gateway.yaml").read_text())
    gateway.process.terminate()
    for one in reading:
        told = one.wait("connecting", count=2)
        assert (told["code"], told["reason"]) == (3001, "shutdown")
    gateway.process.wait(15)
    after = tmp_path / "after"
    after.mkdir()
    again = start_gateway(config, after)
    try:
        for one in reading:
            one.wait("subscribed", count=2, patience=30.0)
        back = writer(hub, sdks[3])
        back.publish(CHANNEL, "back")
        for one in reading:
            one.wait("publication", channel=CHANNEL, data="back")
            assert one.events("unsubscribed") == one.events("disconnected") == []
            one.close()
        back.close()
    finally:
        again.stop()
