"""A tree of keys: everybody has one, and one that is destroyed is nobody's any more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.support.crypto.sealing import Erased
from tta_gateway.support.crypto.tree import BITS, Tree, grown

LEAVES = st.integers(0, (1 << BITS) - 1)
NODE = 39


@given(leaves=st.lists(LEAVES, unique=True, min_size=1, max_size=12), gone=st.integers(0, 12))
def test_who_is_erased_has_no_key_and_all_others_have_theirs(leaves: list[int], gone: int) -> None:
    whole = tree = grown()
    keys = {leaf: whole.key(leaf) for leaf in leaves}
    assert len(set(keys.values())) == len(leaves)
    for leaf in leaves[:gone]:
        tree = tree.without(leaf)
        assert tree.without(leaf) is tree
    for leaf in leaves[:gone]:
        with pytest.raises(Erased):
            tree.key(leaf)
    for leaf in leaves[gone:]:
        assert tree.key(leaf) == keys[leaf]


@pytest.mark.parametrize("leaf", [0, 1, (1 << BITS) - 1, (1 << BITS) - 2, 1 << (BITS - 1)])
def test_at_the_edges_too(leaf: int) -> None:
    tree = grown()
    beside = leaf ^ 1
    key = tree.key(beside)
    tree = tree.without(leaf)
    with pytest.raises(Erased):
        tree.key(leaf)
    assert tree.key(beside) == key
    assert len(tree.nodes) == BITS * NODE
    tree = tree.without(beside)
    assert len(tree.nodes) == (BITS - 1) * NODE
    with pytest.raises(Erased):
        tree.key(beside)


def test_no_node_that_is_left_leads_to_who_is_gone() -> None:
    tree = grown()
    leaf = tree.leaf("ada")
    nodes = tree.without(leaf).nodes
    for at in range(0, len(nodes), NODE):
        first, depth = int.from_bytes(nodes[at : at + 6]), nodes[at + 6]
        assert not first <= leaf < first + (1 << (BITS - depth))


def test_whoever_was_erased_has_another_key_from_then_on() -> None:
    tree = grown()
    first = tree.leaf("ada")
    assert tree.leaf("ada") == first
    assert tree.leaf("ben") != first
    after = tree.without(first)
    second = after.leaf("ada")
    assert second != first
    assert after.key(second) == tree.key(second)
    assert after.leaf("ben") == tree.leaf("ben")
    assert after.without(second).leaf("ada") not in (first, second)


def test_of_a_tree_that_has_nothing_left_no_key_follows() -> None:
    with pytest.raises(Erased):
        Tree(b"0000", bytes(32), b"").key(0)


def test_trees_have_nothing_in_common() -> None:
    one, other = grown(), grown()
    assert (one.id, one.salt) != (other.id, other.salt)
    assert one.key(7) != other.key(7)
