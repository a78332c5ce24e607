"""Argon2id: what is made is proved, and by nothing else."""

from argon2 import Type, extract_parameters

from tta_gateway.features.identity import argon

NOBODYS = argon.NOBODYS  # as it is, before it is replaced by one that takes no time


def test_what_is_made_is_proved_by_its_password_alone() -> None:
    known = argon.hashed(b"a password")
    assert argon.is_right(known, b"a password")
    assert not argon.is_right(known, b"another")
    assert not argon.is_right("none", b"a password")
    assert not argon.is_outdated(known)


def test_what_stands_for_no_password_is_made_as_all_others_are() -> None:
    made = extract_parameters(NOBODYS)
    assert (made.type, made.time_cost, made.parallelism) == (Type.ID, 2, 1)
    assert made.memory_cost == argon.MEMORY
    assert argon.is_right(NOBODYS, b"nobody's password")


def test_one_that_was_made_otherwise_is_outdated() -> None:
    head, salt, end = NOBODYS.rsplit("$", 2)
    others = (NOBODYS.replace("t=2", "t=1"), f"{head}${salt[:11]}${end}", f"{head}${salt}${end}AA")
    assert [argon.is_outdated(one) for one in (NOBODYS, *others)] == [False, True, True, True]
