"""Tokens in their parts: what is written in the one way, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from tta_gateway.features.identity.jws import LONGEST, Malformed, decoded, encoded, objects, read

SECRET = OctKey.import_key(b"k" * 32)


def token(header: object = None, payload: bytes = b"{}", signature: bytes = b"s") -> bytes:
    made = json.dumps({"alg": "HS256"} if header is None else header).encode()
    return b".".join(map(encoded, (made, payload, signature)))


@given(st.binary())
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    assert decoded(encoded(data)) == data


@given(st.binary(max_size=12))
def test_no_bytes_are_written_in_two_ways(text: bytes) -> None:
    try:
        data = decoded(text)
    except Malformed:
        return
    assert encoded(data) == text


@pytest.mark.parametrize(
    "text", [b"YQ==", b"YR", b"Y", b"Y Q", b"Y+Q", b"Y/Q", b"YQ\n", "ü".encode()]
)
def test_padding_stray_bits_and_other_digits_are_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        decoded(text)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_an_object_is_read_as_it_was_meant(told: dict[str, object]) -> None:
    assert objects(json.dumps(told).encode()) == told


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"{'a':1}",
        b'{"a":1} x',
        b"\xff\xfe",
        b'{"a":' + b"[" * 4000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_object_with_each_name_once_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        objects(text)


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(noise: bytes) -> None:
    try:
        read(noise)
    except Malformed:
        return
    pytest.fail("noise was taken for a token")


@given(st.binary(max_size=100))
def test_a_header_may_hold_anything_without_harm(noise: bytes) -> None:
    try:
        found = read(b".".join((encoded(noise), b"e30", b"cw")))
    except Malformed:
        return
    assert json.loads(noise).get("alg", "") == found.algorithm


def test_a_token_of_another_library_is_read_in_its_parts() -> None:
    made = jws.serialize_compact({"alg": "HS256", "kid": "k1", "typ": "at+JWT"}, b'{"a":1}', SECRET)
    found = read(made.encode())
    assert (found.algorithm, found.key_id, found.type) == ("HS256", "k1", "at+jwt")
    assert (found.payload, len(found.signature)) == (b'{"a":1}', 32)
    assert found.input == made.rpartition(".")[0].encode()


def test_a_type_may_be_written_as_a_media_type() -> None:
    assert read(token({"alg": "HS256", "typ": "application/at+jwt"})).type == "at+jwt"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"alg": "HS256", "crit": ["exp"]}, "must be understood"),
        ({"alg": "HS256", "crit": []}, "must be understood"),
        ({"alg": "HS256", "b64": False}, "encoded"),
        ({"alg": "dir", "enc": "A256GCM"}, "encoded"),
        ({"alg": "HS256", "zip": "DEF"}, "encoded"),
        ({"alg": ["HS256"]}, "`alg`"),
        ({"alg": "HS256", "kid": 1}, "`kid`"),
        ({"alg": "HS256", "kid": "k" * 257}, "`kid`"),
        ({"alg": "HS256", "typ": None}, "`typ`"),
    ],
)
def test_a_header_that_asks_for_more_is_refused(header: object, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(token(header))


@pytest.mark.parametrize(
    "text", [b"a.b", b"a.b.c.d", b"a.b.c.d.e", b"", b"..", token()[:-4] + b"=s"]
)
def test_what_has_not_three_parts_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        read(text)


def test_a_token_is_not_longer_than_it_may_be() -> None:
    with pytest.raises(Malformed, match=str(LONGEST)):
        read(token(payload=b"x" * LONGEST))
