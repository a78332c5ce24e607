import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.helpers.builders import a_route
from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.safety.bound import Mode, RouteSafety, SafetyBound
from tta_gateway.features.safety.help import Helping
from tta_gateway.kernel.incident import Report
from tta_gateway.node.scanning import Nowhere, Pseudonyms, Scanning, is_scanned, the_detector
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.metrics import Registry


def a_snapshot(folder: Path | str, *keys: bytes) -> Snapshot:
    return Snapshot(
        version=1,
        state_dir=str(folder),
        listeners=(),
        services=(),
        routes=(),
        encryption_keys=keys,
    )


def names_of(snapshot: Snapshot, clock: FakeClock | None = None) -> Pseudonyms:
    return Pseudonyms(snapshot, (clock or FakeClock()).monotonic)


def test_a_network_has_one_name_that_tells_nothing_of_it(tmp_path: Path) -> None:
    names = names_of(a_snapshot(tmp_path))
    first = names.of("192.0.2.7")
    assert names.of("192.0.2.7") == names_of(a_snapshot(tmp_path)).of("192.0.2.7") == first
    assert names.of("192.0.2.8") != first
    assert names.of("2001:db8::1") == names.of("2001:db8::2")


def test_it_follows_from_the_operator_s_key_where_there_is_one(tmp_path: Path) -> None:
    one, other = (names_of(a_snapshot(tmp_path, bytes([n]) * 32)) for n in (1, 2))
    assert one.of("192.0.2.7") != other.of("192.0.2.7")
    assert not list(tmp_path.iterdir())


def test_without_a_key_it_is_this_worker_s_alone(tmp_path: Path) -> None:
    missing = tmp_path / "away"
    names = names_of(a_snapshot(missing))
    assert names.of("192.0.2.7") == names.of("192.0.2.7")
    assert names.of("192.0.2.7") != names_of(a_snapshot(missing)).of("192.0.2.7")


def test_a_key_that_is_there_again_is_gone_by_after_a_while(tmp_path: Path) -> None:
    clock, folder = FakeClock(), tmp_path / "away"
    names = names_of(a_snapshot(folder), clock)
    own = names.of("192.0.2.7")
    folder.mkdir()
    assert names.of("192.0.2.7") == own
    clock.advance(10.0)
    found = names.of("192.0.2.7")
    assert found == names_of(a_snapshot(folder)).of("192.0.2.7") != own
    folder.joinpath("encryption.key").unlink()
    clock.advance(10.0)
    assert names.of("192.0.2.7") == found


@pytest.mark.parametrize(
    ("mode", "acts"),
    [("off", False), ("observe", False), ("async", True), ("parallel", True), ("scan", True)],
)
def test_the_lane_acts_where_what_is_found_is_acted_upon(mode: Mode, acts: bool) -> None:
    safety = msgspec.Raw(msgspec.msgpack.encode(RouteSafety(mode=mode)))
    assert is_scanned(a_route(features={"safety": safety})) == acts


def test_the_lane_outlasts_a_reload_and_gives_the_help_of_the_newest(tmp_path: Path) -> None:
    scanning = Scanning(
        a_snapshot(tmp_path),
        Nowhere(),
        clock=FakeClock(),
        registry=Registry(),
        spawn=lambda work: work.close(),
        report=lambda _, __: None,
    )
    helps = Helping(SafetyBound()), Helping(SafetyBound())
    (lane, scan), (again, other) = scanning.policies(helps[0]), scanning.policies(helps[1])
    assert lane is again
    assert lane.helps is helps[1]
    assert scan is not other
    assert lane.network("2001:db8::1") == lane.network("2001:db8::2")


def test_an_explanation_keeps_nothing() -> None:
    async def put() -> bool:
        report = msgspec.convert(
            {
                **dict.fromkeys(("id", "person", "version", "route", "service"), ""),
                "at": 0.0,
                "identity": "unknown",
                "level": 2,
                "categories": [],
                "rules": [],
                "source": "request",
                "correlation": "",
                "delivered": True,
                "type": "report",
            },
            Report,
        )
        return await Nowhere().put(report, "")

    assert not asyncio.run(put())


def test_the_detector_is_read_once() -> None:
    assert the_detector() is the_detector()
    assert the_detector().of_person("It is a fine day.").level == 0
