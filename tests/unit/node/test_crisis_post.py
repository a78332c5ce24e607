"""Letters of the guard: while the store is away that is said.  A real store: tests/contract."""

import asyncio

import pytest

from tta_gateway.node.crisis_post import CrisisPost


def test_without_a_store_nothing_is_posted_and_that_is_said() -> None:
    post = CrisisPost(lambda: None, wall=lambda: 1_700_000_000.0, vault=lambda: None)
    with pytest.raises(OSError, match="store"):
        asyncio.run(post.post(("ben",), b"{}", id="n1"))
    with pytest.raises(OSError, match="store"):
        asyncio.run(post.is_acknowledged(("ben",), "n1"))
