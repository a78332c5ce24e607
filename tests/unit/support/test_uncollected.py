"""Nothing is collected within the block, and all is as it was behind it."""

import gc
from collections.abc import Iterator

import pytest

from tta_gateway.node import sqlalchemy_aside
from tta_gateway.support.uncollected import Uncollected


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """The collector goes, and nobody imports aside meanwhile for a test before this one."""
    with sqlalchemy_aside._turn:
        gc.enable()
        yield


def test_it_goes_on_behind_the_block_whatever_happens_there() -> None:
    with Uncollected():
        assert not gc.isenabled()
        with Uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), Uncollected():
        raise KeyError
    assert gc.isenabled()
