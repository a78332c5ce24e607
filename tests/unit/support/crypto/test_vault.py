"""The vault: what stands in a shared store shows nothing, and is read by whoever has the keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.crypto.forest import Forest, kept
from tta_gateway.support.crypto.forest import opened as opened_forest
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed
from tta_gateway.support.crypto.vault import NoKey, Vault, opened

OLD, NEW = b"o" * 32, b"n" * 32


@given(data=st.binary(max_size=300), owner=st.text(max_size=30))
def test_another_node_with_the_same_keys_reads_it(data: bytes, owner: str) -> None:
    stored = Vault(Ring([OLD])).seal(data, owner=owner)
    assert Vault(Ring([NEW, OLD])).open(stored, owner=owner) == data
    assert len(stored) == len(data) + 37


def test_nothing_of_it_stands_in_clear() -> None:
    assert b"kanarie" not in Vault(Ring([OLD])).seal(b"kanarie", owner="room:1")


def test_what_is_one_owners_is_not_taken_for_anothers() -> None:
    vault = Vault(Ring([OLD]))
    with pytest.raises(NotSealed):
        vault.open(vault.seal(b"x", owner="room:1"), owner="room:2")


def test_without_its_key_it_is_no_content() -> None:
    stored = Vault(Ring([OLD])).seal(b"x", owner="room:1")
    stranger = Vault(Ring([NEW]))
    with pytest.raises(NotSealed):
        stranger.open(stored, owner="room:1")
    assert opened(stranger, stored, owner="room:1") == b""


def test_what_was_written_before_there_was_a_vault_is_taken_as_it_is() -> None:
    assert opened(Vault(Ring([OLD])), b"\x92\xc4", owner="room:1") == b"\x92\xc4"
    assert opened(None, b"\x92\xc4", owner="room:1") == b"\x92\xc4"


def test_without_any_key_nothing_is_taken_or_shown() -> None:
    shut = Vault(None, shut="the disk is away")
    with pytest.raises(NoKey, match="the disk is away"):
        shut.seal(b"x", owner="room:1")
    stored = Vault(Ring([OLD])).seal(b"x", owner="room:1")
    assert opened(shut, stored, owner="room:1") == b""


def test_only_so_many_keys_are_remembered() -> None:
    vault = Vault(Ring([OLD]))
    first = vault.seal(b"x", owner="0")
    for number in range(10_001):
        vault.seal(b"", owner=str(number))
    assert len(vault._known) == 10_000
    assert vault.open(first, owner="0") == b"x"


def planted(*erased: str) -> tuple[Forest, Forest]:
    """A forest, and the same without the keys of these."""
    before = opened_forest(Ring([OLD]), kept(Ring([OLD]), None, now=0.0))
    after = before
    for one in erased:
        after = after.without(one, now=1.0)
    return before, after


def vault_of(ring: Ring, forest: Forest) -> Vault:
    return Vault(ring, forest=forest, seals=forest.sealing(before=0.0))


def test_a_tree_that_others_may_not_know_yet_opens_and_does_not_seal() -> None:
    ring, forest = Ring([OLD]), planted()[0]
    vault = Vault(ring, forest=forest)
    assert Vault(ring).open(vault.seal(b"x", owner="room:1"), owner="room:1") == b"x"
    stored = vault_of(ring, forest).seal(b"x", owner="room:1")
    assert vault.open(stored, owner="room:1") == b"x"


def test_who_is_erased_can_be_read_no_more_and_all_others_can() -> None:
    ring = Ring([OLD])
    before, after = planted("person ada")
    vault = vault_of(ring, before)
    theirs = vault.seal(b"x", owner="room:1", whose="person ada")
    others = vault.seal(b"y", owner="room:1", whose="person ben")
    rooms = vault.seal(b"z", owner="room:1")
    assert vault_of(ring, before).open(theirs, owner="room:1") == b"x"
    later = vault_of(ring, after)
    with pytest.raises(Erased):
        later.open(theirs, owner="room:1")
    with pytest.raises(Erased):
        opened(later, theirs, owner="room:1")
    assert later.open(others, owner="room:1") == b"y"
    assert later.open(rooms, owner="room:1") == b"z"
    anew = later.seal(b"w", owner="room:1", whose="person ada")
    assert later.open(anew, owner="room:1") == b"w"


def test_what_the_operators_key_has_sealed_is_read_beside_a_forest() -> None:
    ring = Ring([OLD])
    stored = Vault(ring).seal(b"x", owner="room:1")
    assert vault_of(ring, planted()[0]).open(stored, owner="room:1") == b"x"


def test_another_forest_or_none_opens_nothing() -> None:
    ring = Ring([OLD])
    stored = vault_of(ring, planted()[0]).seal(b"x", owner="room:1")
    for other in (vault_of(ring, planted()[0]), Vault(ring)):
        assert opened(other, stored, owner="room:1") == b""


def test_it_needs_no_key_of_the_operators_that_is_gone() -> None:
    before, _ = planted()
    stored = vault_of(Ring([OLD]), before).seal(b"x", owner="room:1")
    assert vault_of(Ring([NEW]), before).open(stored, owner="room:1") == b"x"


def test_what_is_one_owners_is_not_taken_for_anothers_of_the_same_person() -> None:
    vault = vault_of(Ring([OLD]), planted()[0])
    stored = vault.seal(b"x", owner="room:1", whose="person ada")
    with pytest.raises(NotSealed):
        vault.open(stored, owner="room:2")


def test_only_so_many_people_are_remembered() -> None:
    vault = vault_of(Ring([OLD]), planted()[0])
    first = vault.seal(b"x", owner="room:1", whose="0")
    for number in range(1, 10_000):
        vault._heads[str(number)] = b""
    vault.seal(b"x", owner="room:1", whose="last")
    assert len(vault._heads) == 10_000
    assert "0" not in vault._heads
    assert vault.open(first, owner="room:1") == b"x"
