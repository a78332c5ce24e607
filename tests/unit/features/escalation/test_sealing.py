"""What is kept of people in need is bound to its place, its person and its keys."""

from pathlib import Path

import msgspec
import pytest

from tests.helpers.incidents import NOW, RING, a_report, a_seal
from tta_gateway.features.escalation.algorithm import opened
from tta_gateway.features.escalation.bound import Act, State
from tta_gateway.features.escalation.sealing import (
    ERASED,
    Seal,
    is_clear,
    left_of,
    secrets_of,
    unread,
)
from tta_gateway.support.crypto.key_store import KeyStore
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed

INCIDENT = opened(a_report(), NOW)
ACT = Act(id="a", incident=INCIDENT.id, does="note", by="ben", at=NOW, to="ward", text="words")


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path, RING)


def test_what_is_open_outlives_the_key_of_the_person_and_what_is_over_does_not(
    keys: KeyStore,
) -> None:
    seal = a_seal(keys)
    still, over = (seal.incident(INCIDENT, is_open=one) for one in (True, False))
    key = seal.key_of("ada")
    assert not seal.is_erased(key)
    assert not seal.is_erased(b"")
    keys.erase("ada")
    assert seal.is_erased(key)
    assert seal.read_incident(INCIDENT.id, still) == INCIDENT
    with pytest.raises(Erased):
        seal.read_incident(INCIDENT.id, over)


@pytest.mark.parametrize("is_open", [True, False])
def test_what_was_moved_is_not_taken_for_something_else(keys: KeyStore, *, is_open: bool) -> None:
    seal = a_seal(keys)
    with pytest.raises(NotSealed):
        seal.read_incident("other", seal.incident(INCIDENT, is_open=is_open))
    with pytest.raises(NotSealed):
        seal.read_report("r2", seal.report(a_report()))
    with pytest.raises(NotSealed):
        a_seal().read_report("r2", a_seal().report(a_report()))
    with pytest.raises(NotSealed):
        seal.read_report(INCIDENT.id, seal.incident(INCIDENT, is_open=False))


def test_what_was_written_is_read_with_its_act_as_long_as_it_can_be(keys: KeyStore) -> None:
    seal = a_seal(keys)
    sealed, bare = seal.words(ACT, "ada"), msgspec.structs.replace(ACT, to="", text="")
    assert b"words" not in sealed
    assert seal.with_words(bare, sealed) == ACT
    assert seal.with_words(bare, seal.words(bare, "ada")) == bare
    keys.erase("ada")
    assert seal.with_words(bare, sealed) == bare


def test_people_of_a_network_have_one_key_and_each_a_mark(keys: KeyStore) -> None:
    seal = a_seal(keys)
    assert seal.key_of("network/a/1") == seal.key_of("network/a/2") == keys.of("network/a").id
    assert seal.mark("network/a/1") != seal.mark("network/a/2")
    assert "network" not in seal.mark("network/a/1")


def test_who_was_marked_with_an_older_key_is_found_by_a_newer_one() -> None:
    ring = Ring([bytes(range(1, 33)), bytes(range(32))])
    assert a_seal().mark("ada") in Seal(ring, marks=secrets_of(ring)).marks("ada")
    assert a_seal().mark("ada") != Seal(ring, marks=secrets_of(ring)).mark("ada")
    older, newer = (one.incident(INCIDENT, is_open=True) for one in (a_seal(), a_seal(ring=ring)))
    assert [a_seal(ring=ring).is_newest(one) for one in (older, newer, b"\x80")] == [
        False,
        True,
        False,
    ]
    assert Seal(None).is_newest(b"\x80")


def test_without_keys_of_people_the_operator_s_seals_all_and_without_any_nothing_is() -> None:
    seal, clear = a_seal(), Seal(None)
    body = seal.report(a_report())
    assert (is_clear(body), seal.read_report("r1", body)) == (False, a_report())
    assert (seal.key_of("ada"), seal.is_erased(b"x")) == (b"", False)
    assert is_clear(clear.report(a_report()))
    assert clear.mark("a\0da") == "a da"
    assert seal.read_report("r1", clear.report(a_report())) == a_report()
    assert clear.record(b"x") == b"x"
    assert b"record" not in seal.record(b"record")
    with pytest.raises(NotSealed):
        clear.read_report("r1", body)


def test_a_key_that_cannot_be_looked_for_now_is_not_taken_for_erased(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path, RING)
    key = a_seal(keys).key_of("ada")
    keys.close()
    (tmp_path / "keys.db").unlink()
    (tmp_path / "keys.db").mkdir()
    assert not a_seal(keys).is_erased(key)
    assert a_seal(keys).key_of("ada") == b""  # one that travels


def test_nothing_of_the_person_is_left_of_what_is_over() -> None:
    left = left_of(INCIDENT)
    assert (left.person, left.categories, left.route, left.service) == (ERASED, (), "", "")
    shown = unread("i", level=3, drill=False, opened=1.0, over=2.0)
    assert (shown.person, shown.state, shown.level) == (ERASED, State.RESOLVED, 3)
    assert not is_clear(a_seal().incident(left, is_open=False))
