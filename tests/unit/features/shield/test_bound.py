import msgspec
import pytest

from tta_gateway.features.shield.bound import Block, Blocks, blocks_of


def test_blocks_are_read_as_they_were_told() -> None:
    told = Blocks(blocks=(Block(source="192.0.2.7", since=1.0, until=2.0),), lifted={"::/64": 3.0})
    assert blocks_of(msgspec.Raw(msgspec.msgpack.encode(told))) == told


def test_what_is_none_is_not_taken_for_any() -> None:
    with pytest.raises(msgspec.DecodeError):
        blocks_of(msgspec.Raw(b"\x01"))
