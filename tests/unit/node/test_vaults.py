"""Vaults: with what a node seals in the store for state, and when it does not."""

import json
from pathlib import Path
from typing import cast

import msgspec
import pytest

from tests.unit.node.test_key_ring import snapshot
from tta_gateway.features.erasure.bound import STORE_KEYS, StoreKeys
from tta_gateway.node.key_ring import NAME, ring_of
from tta_gateway.node.vaults import Vaults, following
from tta_gateway.snapshot.model import Snapshot
from tta_gateway.support.clock import Stamp
from tta_gateway.support.crypto.forest import kept as kept_forest
from tta_gateway.support.crypto.forest import opened, without
from tta_gateway.support.crypto.sealing import NotSealed
from tta_gateway.support.crypto.vault import NoKey
from tta_gateway.support.log import EventLog
from tta_gateway.support.sql.url import DatabaseUrl
from tta_gateway.support.valkey.topology import Address, Store


class Kept:
    """Lines that stay."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.log = EventLog(self, Stamp(lambda: 0.0))

    def put(self, line: bytes) -> None:
        self.lines.append(line)

    @property
    def events(self) -> list[str]:
        return [json.loads(one)["event"] for one in self.lines]


def shared(state: Path, *keys: bytes) -> Snapshot:
    store = Store(addresses=(Address(host="valkey.example", port=6379),))
    return msgspec.structs.replace(snapshot(state, *keys), state=store)


def test_a_store_of_ones_own_is_sealed_in_with_the_key_of_the_state_folder(tmp_path: Path) -> None:
    vault = Vaults(Kept().log).of(snapshot(tmp_path), {})
    another = Vaults(Kept().log).of(snapshot(tmp_path), {})
    assert vault is not None
    assert another is not None
    assert another.open(vault.seal(b"x", owner="a"), owner="a") == b"x"


def test_a_shared_store_is_sealed_in_with_the_keys_that_all_nodes_have(tmp_path: Path) -> None:
    kept = Kept()
    one = Vaults(kept.log).of(shared(tmp_path / "one", b"a" * 32), {})
    other = Vaults(kept.log).of(shared(tmp_path / "other", b"a" * 32), {})
    assert one is not None
    assert other is not None
    assert other.open(one.seal(b"x", owner="a"), owner="a") == b"x"
    assert kept.events == []


def test_with_a_reason_it_stands_in_clear_and_that_is_said(tmp_path: Path) -> None:
    kept = Kept()
    vaults = Vaults(kept.log)
    allowed = msgspec.structs.replace(shared(tmp_path), may_be_unsealed=True)
    assert vaults.of(allowed, {}) is None
    assert vaults.of(allowed, {}) is None
    assert kept.events == ["content_in_clear"]
    assert not (tmp_path / NAME).exists()


def test_without_a_reason_nothing_is_kept_there_in_clear(tmp_path: Path) -> None:
    kept = Kept()
    vault = Vaults(kept.log).of(shared(tmp_path), {})
    assert vault is not None
    with pytest.raises(NoKey, match="`encryption` names no key"):
        vault.seal(b"x", owner="a")
    assert kept.events == ["content_not_kept"]


def test_other_keys_are_another_vault_and_the_same_the_same(tmp_path: Path) -> None:
    now = [snapshot(tmp_path, b"a" * 32)]
    vault_of = following(Kept().log, lambda: now[0], dict)
    first = vault_of()
    assert vault_of() is first
    now[0] = snapshot(tmp_path, b"b" * 32, b"a" * 32)
    second = vault_of()
    assert first is not None
    assert second is not None
    assert second is not first
    assert second.open(first.seal(b"x", owner="a"), owner="a") == b"x"


def test_a_key_that_cannot_be_had_is_said_once_for_each_time(tmp_path: Path) -> None:
    kept = Kept()
    vaults = Vaults(kept.log)
    (tmp_path / NAME).write_bytes(b"no key")
    for _ in range(2):
        vault = vaults.of(snapshot(tmp_path), {})
        assert vault is not None
        with pytest.raises(NoKey):
            vault.seal(b"x", owner="a")
    assert kept.events == ["content_not_kept"]
    (tmp_path / NAME).unlink()
    vault = vaults.of(snapshot(tmp_path), {})
    assert vault is not None
    assert vault.seal(b"x", owner="a") != b"x"


def test_with_keys_of_the_operator_nothing_stands_in_clear(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"")
    kept = Kept()
    assert Vaults(kept.log).of(shared(tmp_path, b"a" * 32), {}) is not None
    assert kept.events == []


def told(found: Snapshot, *erased: str) -> dict[str, bytes]:
    """Live sections with a forest, as control tells it."""
    ring = ring_of(found)
    wrapped = kept_forest(ring, None, now=0.0)
    for one in erased:
        wrapped = without(ring, wrapped, name=one, now=1.0)
    seals = opened(ring, wrapped).sealing(before=0.0)
    return {STORE_KEYS: msgspec.msgpack.encode(StoreKeys(forest=wrapped, seals=seals))}


def with_database(state: Path) -> Snapshot:
    database = cast("DatabaseUrl", "of all nodes")
    return msgspec.structs.replace(shared(state, b"a" * 32), database=database)


def test_each_person_has_a_key_by_what_control_tells(tmp_path: Path) -> None:
    kept = Kept()
    found = with_database(tmp_path)
    live = told(found)
    one, other = Vaults(kept.log).of(found, live), Vaults(kept.log).of(found, live)
    bare = Vaults(kept.log).of(found, {})
    assert one is not None
    assert other is not None
    assert bare is not None
    stored = one.seal(b"x", owner="a", whose="person ada")
    assert other.open(stored, owner="a") == b"x"
    with pytest.raises(NotSealed):
        bare.open(stored, owner="a")
    assert one.open(bare.seal(b"y", owner="a"), owner="a") == b"y"
    assert kept.events == []


def test_what_control_tells_anew_is_another_vault(tmp_path: Path) -> None:
    found = with_database(tmp_path)
    live = told(found)
    vaults = Vaults(Kept().log)
    first = vaults.of(found, live)
    assert vaults.of(found, dict(live)) is first
    assert vaults.of(found, told(found)) is not first


def test_where_nodes_share_no_place_for_keys_none_are_used(tmp_path: Path) -> None:
    found = shared(tmp_path, b"a" * 32)
    vault = Vaults(Kept().log).of(found, told(found))
    bare = Vaults(Kept().log).of(found, {})
    assert vault is not None
    assert bare is not None
    assert bare.open(vault.seal(b"x", owner="a"), owner="a") == b"x"


def test_a_forest_that_cannot_be_read_is_said_and_the_operators_keys_seal(tmp_path: Path) -> None:
    kept = Kept()
    found = with_database(tmp_path)
    stranger = msgspec.structs.replace(found, encryption_keys=(b"b" * 32,))
    for live in (told(stranger), {STORE_KEYS: b"\x90"}):
        vault = Vaults(kept.log).of(found, live)
        bare = Vaults(kept.log).of(found, {})
        assert vault is not None
        assert bare is not None
        assert bare.open(vault.seal(b"x", owner="a"), owner="a") == b"x"
    assert kept.events == ["store_keys_not_read"] * 2
