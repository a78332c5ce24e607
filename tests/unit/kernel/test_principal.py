"""Who is asking is not shown to whoever looks."""

from tta_gateway.kernel.principal import Principal


def test_nobody_is_named() -> None:
    one = Principal(subject="p1", issuer="home", roles=frozenset(("player",)))
    assert repr(one) == "<principal of home>"
