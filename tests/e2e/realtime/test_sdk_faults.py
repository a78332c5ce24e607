"""What unmodified SDKs are told, and what they hear, while workers die, stop, and send too much.

All SDKs read side by side, each in both its codecs, npm's without a WebSocket too, and all of them
must hear the same.
"""

import contextlib
import itertools
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from functools import partial

import pytest
import yaml

from tests.helpers.cuttable import Cuttable
from tests.helpers.gateway import start_gateway
from tests.helpers.hub_stage import HubStage, hub_stage, token
from tests.helpers.sdk import KINDS, STREAMS, Sdk, SdkClient, Told
from tests.helpers.slow import wait_until, workers_of

pytestmark = pytest.mark.e2e
LARGE = "x" * 14_000
NO_PING = 2
"""an SDK's own code, for itself"""


@pytest.fixture(scope="module")
def sdks() -> Iterator[list[Sdk]]:
    """All of them."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Sdk(kind)) for kind in (*KINDS, *STREAMS[1:])]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubStage]:
    """A gateway; signs of life are asked for seldom, for those who only are slow."""
    folder = tmp_path_factory.mktemp("hub")
    with hub_stage(folder, queue="256KiB", ping="6s", pong="4s") as made:
        yield made


@pytest.fixture
def channel(sdks: list[Sdk]) -> Iterator[str]:
    """A channel of a test's own, whose readers leave with it."""
    yield f"session:{uuid.uuid4().hex[:12]}"
    for one in sdks:
        one.close_all()


def client(sdk: Sdk, name: str, url: str) -> SdkClient:
    """A client of somebody new, who is shown in as often as they come."""
    name = f"{name}-{uuid.uuid4().hex[:12]}"
    made = sdk.client(name, url, *(token(name) for _ in range(9)), patience=1.0)
    made.connected()
    return made


def readers(hub: HubStage, sdks: list[Sdk], channel: str) -> list[SdkClient]:
    """Two clients of each SDK, which read."""
    made = [client(sdk, "reader", hub.url) for sdk in sdks for _ in range(2)]
    for one in made:
        one.reads(channel)
    return made


class Writing:
    """Writers that go on, whatever happens."""

    def __init__(self, writers: list[SdkClient], channel: str) -> None:
        self.sure: set[str] = set()
        self._channel = channel
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(one,)) for one in writers]

    def _go_on(self, client: SdkClient) -> None:
        for number in itertools.count():
            if self._stop.wait(0.03):
                return
            said = f"{client.name} {number}"
            if client.tries_to_publish(self._channel, said):
                self.sure.add(said)

    def has(self, wanted: int) -> bool:
        """Whether so much counts for certain."""
        return len(self.sure) >= wanted

    def __enter__(self) -> "Writing":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for one in self._threads:
            one.join()


def test_what_is_said_in_one_codec_is_heard_in_all(
    hub: HubStage, sdks: list[Sdk], channel: str
) -> None:
    """In Protocol Buffers applications write JSON over lines, at which frames of JSON are split."""
    reading = readers(hub, sdks, channel)
    said = [
        {"text": "two\nlines, \u2028 and \U0001f642", "of": [1, 2.5, -3e10, None, True, {}]},
        {"deep": [[[[["\\", '"', "\u0000", "\x7f"]]]]], "": ""},
        "",
        0,
        [],
    ]
    for one in reading[::2]:
        for each in said:  # one after the other: over a stream each is a request of its own
            one.ask("publish", channel=channel, data=[each], indent=2)
    count = len(sdks) * len(said)
    for one in reading:
        told = one.heard(channel, count)
        assert [data for _, data in told] == said * len(sdks)
        assert [offset for offset, _ in told] == list(range(1, count + 1))


def test_who_reads_through_workers_that_die_misses_nothing(
    hub: HubStage, sdks: list[Sdk], channel: str
) -> None:
    gateway = hub.gateway.stage.gateway.process.pid
    reading = readers(hub, sdks, channel)
    writers = [client(sdk, "writer", hub.direct) for sdk in sdks]
    with Writing(writers, channel) as writing:
        for worker in workers_of(gateway) * 2:
            wanted, victim = len(writing.sure) + 30, workers_of(gateway)[worker % 2]
            assert wait_until(partial(writing.has, wanted))
            os.kill(victim, signal.SIGKILL)
            assert wait_until(partial(_is_replaced, gateway, victim))
        hub.line.drop()
    last = client(sdks[0], "last", hub.direct)
    said = (f"last {number}" for number in itertools.count())  # a new worker may refuse it (100)
    ended = next(one for one in said if last.tries_to_publish(channel, one))
    truth = stored(last, channel)
    assert list(truth) == list(range(1, len(truth) + 1))
    said_once = set(truth.values())
    assert len(said_once) == len(truth)
    assert writing.sure <= said_once
    recovered = 0
    for at, one in enumerate(reading):
        one.wait("publication", channel=channel, data=ended)
        told = follow(sdks[at // 2].events(client=one.name, channel=channel))
        assert told.items() <= truth.items()
        recovered += len(told) == len(truth)
        assert len(one.events("subscribed")) > 1
    assert recovered


def stored(client: SdkClient, channel: str) -> dict[int, str]:
    """What a channel has kept, by its offsets, read in pages."""
    at = client.ask("history", channel=channel)
    found: dict[int, str] = {}
    while len(found) < at["offset"]:
        since = [len(found), at["epoch"]]
        page = client.ask("history", channel=channel, limit=300, since=since)["publications"]
        assert page
        found |= {offset: str(data) for offset, data in page}
    return found


def follow(events: list[Told]) -> dict[int, str]:
    """What a reader was told, whose offsets follow: but for what it was told that it has missed.

    A hub gives back 300 messages at most: who is away for more is told `recovered: false`.
    """
    told: dict[int, str] = {}
    offset = 0
    for one in events:
        if one["event"] == "subscribed" and not one["recovered"]:
            offset = one["offset"]
        elif one["event"] == "publication":
            assert one["offset"] == offset + 1
            offset += 1
            told[offset] = str(one["data"])
    return told


def _is_replaced(gateway: int, worker: int) -> bool:
    running = workers_of(gateway)
    return worker not in running and len(running) == 2


def test_who_does_not_read_is_told_to_come_back_and_misses_nothing(
    hub: HubStage, sdks: list[Sdk], channel: str
) -> None:
    """What waits for it is more than `queue`: it comes back for that as soon as it reads again."""
    writing = client(sdks[0], "writer", hub.direct)
    with contextlib.ExitStack() as stack:
        lines = {}
        for sdk in sdks:
            line = stack.enter_context(Cuttable(hub.gateway.stage.port))
            url = f"ws://127.0.0.1:{line.port}/connection/websocket"
            lines[client(sdk, "slow", url)] = line
        for one, line in lines.items():
            one.reads(channel)
            line.cut()
        sent, left = 0, dict(lines)
        while left:
            writing.publish(channel, *(f"{sent + number}{LARGE}" for number in range(5)))
            sent += 5
            assert sent < 3000
            there = writing.ask("presence", channel=channel)
            for one in [each for each in left if each.name not in there]:
                left.pop(one).mend()
        for one in lines:
            told = one.heard(channel, sent)
            assert [offset for offset, _ in told] == list(range(1, sent + 1))
            assert one.codes("connecting") == [0, 3008]
            assert one.events("subscribed")[-1]["recovered"]
            one.close()


def test_a_line_that_falls_silent_is_noticed_at_both_ends(
    hub: HubStage, sdks: list[Sdk], channel: str
) -> None:
    """Without a Close or a reset: by the pings that do not come, and the answers to them."""
    reading = readers(hub, sdks, channel)
    writing = client(sdks[2], "writer", hub.direct)
    writing.publish(channel, *range(1, 11))
    for one in reading:
        one.heard(channel, 10)
    hub.line.cut()
    try:
        assert wait_until(lambda: writing.ask("stats", channel=channel) == [0, 0], 20.0)
        assert writing.ask("presence", channel=channel) == []
        writing.publish(channel, *range(11, 31))
        for one in reading:
            assert one.wait("connecting", count=2)["code"] == NO_PING
    finally:
        hub.line.mend()
    for one in reading:
        assert one.heard(channel, 30) == [(number, number) for number in range(1, 31)]
        assert one.wait("subscribed", count=2)["recovered"]


def test_a_gateway_that_stops_says_so_and_they_come_back_to_the_next(
    hub: HubStage, sdks: list[Sdk], channel: str
) -> None:
    """The last of this module: its gateway is gone behind it."""
    reading = readers(hub, sdks, channel)
    gateway, folder = hub.gateway.stage.gateway, hub.gateway.state.parent
    config = yaml.safe_load((folder / "gateway.yaml").read_text())
    gateway.process.terminate()
    for one in reading:
        told = one.wait("connecting", count=2)
        assert (told["code"], told["reason"]) == (3001, "shutdown")
    gateway.process.wait(15)
    after = folder / "after"
    after.mkdir()
    again = start_gateway(config, after)
    try:
        for one in reading:
            one.wait("subscribed", count=2, patience=30.0)
        back = client(sdks[3], "back", hub.direct)
        back.publish(channel, "back")
        for one in reading:
            one.wait("publication", channel=channel, data="back")
            assert one.events("unsubscribed") == one.events("disconnected") == []
            one.close()
        back.close()
    finally:
        again.stop()
