"""Consul: the index of its queries.  What is asked and told: tests/contract/discovery."""

import pytest

from tta_gateway.features.discovery.consul_provider import following


@pytest.mark.parametrize(
    ("index", "said", "following_one"),
    [(0, 10, 10), (10, 11, 11), (10, 10, 10), (10, 3, 0), (0, 0, 1), (5, 0, 0)],
)
def test_an_index_goes_on_or_begins_anew(index: int, said: int, following_one: int) -> None:
    """As *Implementation Details* of blocking queries has it."""
    assert following(index, said) == following_one
