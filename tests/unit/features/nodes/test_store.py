"""How it stands with the nodes."""

from tta_gateway.features.nodes.store import Standing


def test_where_nothing_was_told_there_is_nothing() -> None:
    one = Standing("epoch", 1.0, 0)
    assert (one.topics, one.nodes) == ({}, ())
