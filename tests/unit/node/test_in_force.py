"""What is done with a configuration that has been accepted."""

import msgspec
import pytest

from tests.helpers.house import CONTROL, WORKER, Events, House, compiled
from tta_gateway.kernel.timing import ConnectionLimits
from tta_gateway.node import in_force
from tta_gateway.node.assemble_node import Node
from tta_gateway.snapshot import kept as kept_snapshot
from tta_gateway.snapshot.encode import encode

PATIENCE = 1.0  # seconds, for a thread on a busy machine


def accepted(house: House, node: Node) -> None:
    """The node accepts a configuration, as it does when it has been compiled."""
    node.reload._take(compiled(house))


def test_a_newer_snapshot_reaches_workers_and_control(house: House) -> None:
    node = house.serving()
    accepted(house, node)
    assert [process.version() for process in house.of(WORKER, CONTROL)] == [2, 2, 2]


def test_a_newer_snapshot_is_kept_on_disk_sealed(house: House) -> None:
    node = house.serving()
    accepted(house, node)
    node.in_force._keeping.wait(PATIENCE)
    assert (house.folder / kept_snapshot.NAME).read_bytes() == b"sealed"


def test_a_disk_that_does_not_take_it_is_no_reason_to_refuse(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_snapshot, "keep", full)
    node = house.serving()
    events = Events()
    monkeypatch.setattr(node.in_force, "_log", events)
    accepted(house, node)
    assert house.of(WORKER)[0].version() == 2
    assert node.operators.health()[1]["configuration"] == 2
    node.in_force._keeping.wait(PATIENCE)
    for _ in range(2):
        node.turns._tick()
    told = [fields for name, fields in events.told if name == "snapshot_not_kept"]
    assert told == [{"error": "No space left on device"}]


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (1 << 20, []),
        (1024, [("descriptors_short", {"limit": 1024, "wanted": 20_000, "per_worker": 896})]),
    ],
)
def test_it_says_once_at_the_start_where_there_is_no_room_for_all_clients(
    house: House, monkeypatch: pytest.MonkeyPatch, limit: int, told: list[object]
) -> None:
    events = Events()
    node = house.node()
    monkeypatch.setattr(in_force, "limit", lambda: limit)
    monkeypatch.setattr(node.in_force, "_log", events)
    node.introduce()
    assert events.told == told


def test_it_says_so_again_with_a_configuration_that_wants_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events()
    node = house.node()
    monkeypatch.setattr(in_force, "limit", lambda: 1024)
    monkeypatch.setattr(node.in_force, "_log", events)
    wants = ConnectionLimits(per_worker=30_000)
    after = msgspec.structs.replace(house.snapshot, version=2, connections=wants)
    node.reload.snapshot = after
    node._adopt(encode(after), b"sealed")
    assert [fields for _, fields in events.told] == [
        {"limit": 1024, "wanted": 30_000, "per_worker": 896}
    ]
