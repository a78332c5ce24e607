"""The forest: the newest tree seals, all open, and who is erased is so in each of them."""

import pytest

from tta_gateway.support.crypto import forest
from tta_gateway.support.crypto.forest import LASTS, MOST, Forest, Planted, kept, opened, without
from tta_gateway.support.crypto.ring import Ring
from tta_gateway.support.crypto.sealing import Erased, NotSealed
from tta_gateway.support.crypto.tree import grown

OLD, NEW = b"o" * 32, b"n" * 32
RING = Ring([OLD])


def test_one_is_planted_where_there_is_none_and_stays() -> None:
    wrapped = kept(RING, None, now=5.0)
    assert [one.since for one in opened(RING, wrapped).trees] == [5.0]
    assert kept(RING, wrapped, now=6.0) is wrapped


def test_it_is_wrapped_anew_when_the_operators_key_changes_and_stays_what_it_is() -> None:
    wrapped = kept(RING, None, now=5.0)
    both = Ring([NEW, OLD])
    anew = kept(both, wrapped, now=6.0)
    assert opened(Ring([NEW]), anew) == opened(RING, wrapped)
    assert kept(both, anew, now=7.0) is anew
    with pytest.raises(NotSealed):
        opened(Ring([NEW]), wrapped)
    with pytest.raises(NotSealed):
        kept(Ring([NEW]), wrapped, now=6.0)


def test_who_is_erased_is_so_in_all_trees() -> None:
    before = Forest((Planted(grown(), 1.0, 3), Planted(grown(), 2.0)))
    leaves = [one.tree.leaf("ada") for one in before.trees]
    after = before.without("ada", now=3.0)
    assert [one.erased for one in after.trees] == [4, 1]
    for one, leaf in zip(after.trees, leaves, strict=True):
        with pytest.raises(Erased):
            one.tree.key(leaf)
    newest = after.trees[-1].tree
    assert newest.id == before.trees[-1].tree.id
    assert after.find(newest.id) is newest
    assert after.find(b"none") is None


def test_somebody_is_erased_where_nothing_was_planted_yet() -> None:
    wrapped = without(RING, None, name="ada", now=5.0)
    assert [one.erased for one in opened(RING, wrapped).trees] == [1]
    again = without(RING, wrapped, name="ben", now=6.0)
    assert [one.erased for one in opened(RING, again).trees] == [2]


def test_a_tree_that_has_lost_many_keys_is_followed_and_given_up_in_the_end() -> None:
    first = Planted(grown(), 1.0, MOST - 1)
    after = Forest((first,)).without("ada", now=10.0)
    assert [one.erased for one in after.trees] == [MOST, 0]
    newest = after.trees[-1].tree
    assert newest.id != first.tree.id
    assert after.tended(10.0 + LASTS) is after
    later = after.tended(11.0 + LASTS)
    assert [one.tree for one in later.trees] == [newest]
    wrapped = RING.wrap(forest._encode(after), purpose=forest._PURPOSE)
    assert opened(RING, kept(RING, wrapped, now=11.0 + LASTS)) == later


def test_the_newest_seals_that_was_there_in_time() -> None:
    first, second = Planted(grown(), 5.0), Planted(grown(), 8.0)
    both = Forest((first, second))
    assert both.sealing(before=4.9) == b""
    assert both.sealing(before=5.0) == both.sealing(before=7.9) == first.tree.id
    assert both.sealing(before=8.0) == second.tree.id
