"""Nothing is collected within the block, and all is as it was behind it."""

import gc

import pytest

from tta_gateway.support.uncollected import Uncollected


def test_it_goes_on_behind_the_block_whatever_happens_there() -> None:
    assert gc.isenabled()
    with Uncollected():
        assert not gc.isenabled()
        with Uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), Uncollected():
        raise KeyError
    assert gc.isenabled()
