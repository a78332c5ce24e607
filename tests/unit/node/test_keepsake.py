"""What registries said last, on disk for a start of the whole gateway."""

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.fake_clock import FakeClock
from tta_gateway.features.identity.bound import ISSUER_KEYS, KEYS, REVOKED
from tta_gateway.features.registration.record import section as registered
from tta_gateway.node import keepsake as module
from tta_gateway.node.findings import Findings
from tta_gateway.node.keepsake import BEGUN, NAME, Keepsake
from tta_gateway.node.remembered import section
from tta_gateway.snapshot import kept
from tta_gateway.snapshot.sealed import KEY

PATIENCE = 5.0
PLAYERS = section("players")


class House:
    """A state folder, and what control knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.known: dict[str, bytes] = {}
        self.lines: list[tuple[str, dict[str, object]]] = []

    def put(self, name: str, finding: msgspec.Struct | None) -> None:
        assert finding is not None
        self.known[name] = msgspec.msgpack.encode(finding)

    def event(self, name: str, **fields: object) -> None:
        self.lines.append((name, fields))

    def keepsake(self) -> Keepsake:
        return Keepsake(self.folder, cast("Any", self), monotonic=self.clock.monotonic)

    def tick(self, keepsake: Keepsake) -> None:
        keepsake.tick(cast("Findings", self))
        keepsake.wait(PATIENCE)

    def kept(self, known: dict[str, bytes]) -> None:
        """Have a gateway before this one have known that."""
        self.known = known
        self.tick(self.keepsake())

    def read(self) -> dict[str, bytes]:
        """What a gateway that starts from nothing begins with."""
        return {name: bytes(raw) for name, raw in self.keepsake().beside({}).items()}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_registries_said_and_who_has_registered_comes_back(house: House) -> None:
    house.kept({PLAYERS: b"\xa1a", registered("players"): b"\xa1b", "service/players": b"\xa1c"})
    assert BEGUN in house.known
    assert house.read() == {PLAYERS: b"\xa1a", registered("players"): b"\xa1b"}
    assert house.lines == [("found_restored", {"services": ["players"]})]


def test_which_tokens_count_comes_back_too(house: House) -> None:
    told = {KEYS: b"\xa1a", f"{REVOKED}7": b"\xa1b", f"{ISSUER_KEYS}clinic": b"\xa1c"}
    house.kept({**told, "identity/other": b"\xa1c"})
    assert house.read() == told
    assert house.lines == []


def test_where_a_control_was_before_that_one_knows_better(house: House) -> None:
    house.kept({PLAYERS: b"\xa1a"})
    live = {BEGUN: msgspec.Raw(b"\x80")}
    assert house.keepsake().beside(live) == live
    told = {PLAYERS: msgspec.Raw(b"\xa1z")}
    assert house.keepsake().beside(told) == told  # and what it is told counts for more


def test_nothing_is_no_fault(house: House) -> None:
    assert (house.read(), house.lines) == ({}, [])


def test_nobody_reads_it_without_the_key(house: House) -> None:
    house.kept({PLAYERS: b"\xaa10.0.0.123"})
    assert b"10.0.0.123" not in (house.folder / NAME).read_bytes()
    (house.folder / KEY).write_bytes(b"k" * 32)
    assert house.read() == {}
    ((name, fields),) = house.lines
    assert (name, "not sealed with this key" in str(fields["error"])) == ("found_not_read", True)


@pytest.mark.parametrize("purpose", [b"tta-gateway found 0", b"tta-gateway snapshot 2"])
def test_nor_is_anything_else_taken_for_it(
    house: House, monkeypatch: pytest.MonkeyPatch, purpose: bytes
) -> None:
    with monkeypatch.context() as other:
        other.setattr(module, "_PURPOSE", purpose)
        house.kept({PLAYERS: b"\xa1a"})
    assert house.read() == {}


def test_what_does_not_change_is_not_written_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.kept({PLAYERS: b"\xa1a"})
    written: list[bytes] = []
    monkeypatch.setattr(kept, "keep", lambda sealed, *_: written.append(sealed))
    after = house.keepsake()
    after.beside({})
    for name in (PLAYERS, "service/players", PLAYERS, section("worlds"), section("worlds")):
        house.known[name] = b"\xa1a"
        house.clock.advance(1.0)
        house.tick(after)
    assert len(written) == 1
    del house.known[PLAYERS], house.known[section("worlds")]
    house.tick(after)
    assert len(written) == 1  # not twice in a second
    house.clock.advance(1.0)
    house.tick(after)
    assert len(written) == 2


def test_a_disk_that_does_not_take_it_is_told_of(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "keep", full)
    one = house.keepsake()
    house.known[PLAYERS] = b"\xa1a"
    house.tick(one)
    house.tick(one)
    assert house.lines == [("found_not_kept", {"error": "No space left on device"})]


def test_and_it_is_written_once_there_is_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    one = house.keepsake()
    house.known[PLAYERS] = b"\xa1a"
    with monkeypatch.context() as other:
        other.setattr(kept, "keep", full)
        house.tick(one)
    for _ in range(12):
        house.clock.advance(1.0)
        house.tick(one)
    assert (house.folder / NAME).exists()


def test_what_is_no_such_thing_inside_is_left_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other:
        other.setattr(module, "_of_ours", lambda sections: dict(sections))
        house.kept({PLAYERS: b"\xa1a", "service/players": b"\xa1c"})
    assert house.read() == {PLAYERS: b"\xa1a"}
    with monkeypatch.context() as other:
        other.setattr(module, "_encode", lambda _: b"\x01")
        house.kept({PLAYERS: b"\xa1b"})
    assert house.read() == {}
