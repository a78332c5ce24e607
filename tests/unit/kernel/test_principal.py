"""Who is asking is not shown to whoever looks."""

import msgspec

from tta_gateway.kernel.principal import Principal


def test_nobody_is_named() -> None:
    one = Principal(subject="p1", issuer="home", roles=frozenset(("player",)))
    assert repr(one) == "<principal of home>"


def test_one_subject_of_two_issuers_is_not_one_key() -> None:
    """Red where what is kept for each goes by the subject alone."""
    keys = {Principal(subject="p/1", issuer=name).key for name in ("home", "clinic")}
    assert keys == {"home/p/1", "clinic/p/1"}


def test_the_key_follows_from_the_others_whatever_is_changed() -> None:
    one = Principal(subject="p1", issuer="home", key="another's")
    assert one.key == "home/p1"
    assert msgspec.structs.replace(one, subject="p2").key == "home/p2"
    there = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Principal)
    assert there == one
