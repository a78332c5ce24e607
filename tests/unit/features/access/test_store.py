"""What is kept: records that say what they are; the stores are tests/contract/access/."""

import pytest

from tta_gateway.features.access.store import Glass


def test_glass_is_open_until_somebody_closes_it() -> None:
    one = Glass(id="g", carer="t", person="p", reason="why", opened=1.0, until=2.0)
    assert (one.closed, one.closed_by) == (0.0, "")
    with pytest.raises(AttributeError):
        one.closed = 3.0  # type: ignore[misc]
