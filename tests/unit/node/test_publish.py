"""What each process is given: what has changed, or all of it when it has fallen behind."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import msgspec
import pytest

from tta_gateway.kernel.route import Endpoint, Service
from tta_gateway.node import publish
from tta_gateway.node.child import Child
from tta_gateway.node.publish import Publisher
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.snapshot.parts import OWN, Live, decode_change, decode_live, decode_parts


def snapshot(version: int) -> bytes:
    service = Service(name="a", endpoints=(Endpoint(host="h", port=version),))
    return encode(
        Snapshot(version=version, state_dir=".", listeners=(), services=(service,), routes=())
    )


VERSION: Final[Mapping[bytes, Callable[[bytes], int]]] = {
    b"change": lambda data: decode_change(data).version,
    b"snapshot": lambda data: decode_parts(data).version,
    b"live": lambda data: int(bytes(decode_live(data).sections["a"])[0]),
}
"""What is taken for the version of what has come; of live sections it is what stands in `a`."""


class Process:
    """A process that has a number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid


class Stage:
    """A publisher, and a process at the other end of a channel."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.publisher = Publisher(snapshot(1), cast("Any", self))
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.theirs.setblocking(False)
        self.child = Child(cast("Any", Process(4711)), ours)
        self.publisher.begin(self.child)

    def event(self, name: str, **_: object) -> None:
        self.events.append(name)

    def publish(self, version: int) -> None:
        self.publisher.publish(snapshot(version), [self.child])

    def revive(self, number: int) -> None:
        live = Live(sections={"a": msgspec.Raw(bytes([number]))})
        self.publisher.revive(live, [self.child])

    def says(self, version: int, *, behind: bool = False) -> None:
        self.publisher.heard(self.child, version, behind=behind)

    def got(self) -> list[tuple[str, int]]:
        """What has come: its kind and version."""
        found: list[tuple[str, int]] = []
        while True:
            try:
                kind, fds, _, _ = socket.recv_fds(self.theirs, 64, 1)
            except BlockingIOError:
                return found
            with os.fdopen(fds[0], "rb") as file:
                data = file.read()
            found.append((kind.decode(), VERSION[kind](data)))

    def close(self) -> None:
        self.child.channel.close()
        self.theirs.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def test_who_keeps_up_gets_what_has_changed(stage: Stage) -> None:
    stage.publish(2)
    stage.says(2)
    stage.publish(3)
    assert stage.got() == [("change", 2), ("change", 3)]


def test_changes_may_follow_before_the_first_is_applied(stage: Stage) -> None:
    stage.publish(2)
    stage.publish(3)
    assert stage.got() == [("change", 2), ("change", 3)]


def test_who_makes_nothing_of_a_change_gets_all_of_it(stage: Stage) -> None:
    stage.publish(2)
    stage.says(1, behind=True)
    assert stage.got() == [("change", 2), ("snapshot", 2)]


def test_who_is_owed_too_much_gets_nothing_until_it_speaks(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "MOST", 300)
    for version in range(2, 30):
        stage.publish(version)
    got = stage.got()
    assert 0 < len(got) < 10
    assert "worker_lags" in stage.events
    stage.says(got[-1][1])
    assert stage.got() == [("snapshot", 29)]
    stage.says(29)
    stage.publish(30)
    assert stage.got() == [("change", 30)]


def test_who_does_not_hear_gets_all_of_it_when_it_speaks(stage: Stage) -> None:
    version = 1
    while "worker_not_told" not in stage.events:
        version += 1
        stage.publish(version)
    taken = stage.got()
    stage.says(taken[-1][1])
    assert stage.got() == [("snapshot", version)]


def test_who_is_not_known_is_sent_nothing_when_it_speaks(stage: Stage) -> None:
    stage.publisher.forget(4711)
    stage.says(0)
    assert stage.got() == []


def test_who_is_not_known_is_given_all_of_the_next(stage: Stage) -> None:
    stage.publisher.forget(4711)
    stage.publish(2)
    assert stage.got() == [("snapshot", 2)]


def test_who_starts_begins_with_the_newest(stage: Stage) -> None:
    stage.publish(2)
    assert stage.publisher.data == snapshot(2)


def test_a_change_that_is_large_by_itself_is_given_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "MOST", 10)
    stage.publish(2)
    assert stage.got() == [("change", 2)]


def test_who_makes_nothing_even_of_all_of_it_is_not_sent_it_again(stage: Stage) -> None:
    stage.publish(2)
    stage.says(1, behind=True)
    stage.says(1, behind=True)
    assert stage.got() == [("change", 2), ("snapshot", 2)]
    assert stage.events == ["worker_understands_nothing"]


def test_what_control_finds_out_is_given_by_itself_and_to_who_starts(stage: Stage) -> None:
    stage.revive(5)
    stage.publish(2)
    stage.revive(6)
    assert stage.got() == [("live", 5), ("change", 2), ("live", 6)]
    begun = decode_parts(stage.publisher.data)
    assert (begun.version, bytes(begun.live["a"])) == (2, b"\x06")


def test_who_has_missed_what_was_found_out_gets_all_when_it_speaks(stage: Stage) -> None:
    number = 0
    while "worker_not_told" not in stage.events:
        number += 1
        stage.revive(number % 100)
    stage.got()
    stage.says(1)
    (found,) = stage.got()
    assert found == ("snapshot", 1)


def test_an_upgraded_node_knows_what_was_found_out_before(stage: Stage) -> None:
    stage.revive(7)
    after = Publisher(snapshot(2), cast("Any", stage), live=stage.publisher.live)
    assert bytes(decode_parts(after.data).live["a"]) == b"\x07"


def test_what_is_for_the_next_control_is_given_to_those_who_start_alone(stage: Stage) -> None:
    own = msgspec.Raw(b"\x07")
    stage.publisher.revive(Live(sections={f"{OWN}alerts": own}), [stage.child])
    stage.publisher.revive(Live(sections={f"{OWN}b": own, "a": own}, gone=[]), [stage.child])
    assert stage.got() == [("live", 7)]
    assert sorted(decode_parts(stage.publisher.data).live) == ["a", f"{OWN}alerts", f"{OWN}b"]
    stage.publisher.revive(Live(gone=[f"{OWN}alerts"]), [stage.child])
    assert stage.got() == []
    assert sorted(decode_parts(stage.publisher.data).live) == ["a", f"{OWN}b"]
