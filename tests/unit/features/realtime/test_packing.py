"""What is packed is what comes out; what somebody else has packed is nothing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.features.realtime.packing import pack, pack_info, unpack, unpack_info
from tta_gateway.features.realtime.publication import ClientInfo, Publication

TEXT = st.text(max_size=20)
INFO = st.builds(ClientInfo, TEXT, TEXT, st.binary(max_size=20), st.binary(max_size=20))
PUBLICATION = st.builds(
    Publication,
    data=st.binary(max_size=50),
    offset=st.integers(0, 1 << 62),
    info=st.none() | INFO,
    tags=st.dictionaries(TEXT, TEXT, max_size=3),
    time=st.integers(0, 1 << 62),
)
encode = msgspec.msgpack.encode


@given(PUBLICATION)
def test_a_publication_comes_out_as_it_went_in(publication: Publication) -> None:
    assert unpack(pack(publication), publication.offset) == publication


@given(INFO)
def test_a_description_comes_out_as_it_went_in(info: ClientInfo) -> None:
    assert unpack_info(pack_info(info)) == info


@given(st.binary(max_size=60))
def test_whatever_is_there_raises_nothing(garbage: bytes) -> None:
    unpack(garbage, 1)
    unpack_info(garbage)


@pytest.mark.parametrize(
    "other",
    [
        7,
        {},
        [],
        [b"x"],
        ["x", 1],
        [b"x", "1"],
        [b"x", 1, 7, {}],
        [b"x", 1, ["u"], {}],
        [b"x", 1, ["u", b"c", b"", b""], {}],
        [b"x", 1, ["u", "c", "", b""], {}],
        [b"x", 1, None, 7],
    ],
)
def test_what_is_no_publication_is_none(other: object) -> None:
    assert unpack(encode(other), 1) is None


def test_what_a_newer_gateway_adds_is_passed_over() -> None:
    info = ["u", "c", b"", b"", "new"]
    expected = ClientInfo("u", "c")
    assert unpack(encode([b"x", 1, info, {}, "new"]), 2) == Publication(b"x", 2, expected, {}, 1)
    assert unpack_info(encode(info)) == expected
    assert unpack_info(encode(None)) is None
    assert unpack_info(b"\xc1") is None
