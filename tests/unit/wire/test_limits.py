"""The limits, as the architecture's table of defaults has them."""

import msgspec
import pytest

from tta_gateway.wire.limits import Limits


def test_the_defaults_are_those_of_the_table() -> None:
    assert msgspec.structs.asdict(Limits()) == {
        "request_line": 8192,
        "head": 32768,
        "fields": 100,
        "chunk_extension": 256,
        "chunk_extensions": 4096,
        "trailers": 8192,
        "interim": 16,
    }


def test_limits_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Limits().head = 1  # type: ignore[misc]
