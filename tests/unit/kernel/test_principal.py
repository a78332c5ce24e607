"""Who is asking is not shown to whoever looks."""

from tta_gateway.kernel.principal import Principal


def test_nobody_is_named() -> None:
    one = Principal(subject="p1", issuer="home", roles=frozenset(("player",)))
    assert repr(one) == "<principal of home>"


def test_one_subject_of_two_issuers_is_not_one_key() -> None:
    """Red where what is kept for each goes by the subject alone."""
    keys = {Principal(subject="p/1", issuer=name).key for name in ("home", "clinic")}
    assert keys == {"home/p/1", "clinic/p/1"}
