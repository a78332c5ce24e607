"""Security keys: what a page is told, and that nothing but a true key's word is believed."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.soft_key import SoftKey, encoded
from tta_gateway.features.identity.bound import SecondFactor
from tta_gateway.features.identity.factor import KEY, Factor
from tta_gateway.features.identity.web_authn import (
    Refused,
    WentBack,
    asserted,
    creation,
    handle_of,
    loaded,
    registered,
    request,
)

RULES = SecondFactor(name="Home", rp_id="home", origins=("https://home",))
SIGNED = b"s" * 32
asyncio.run(loaded())


def made(key: SoftKey, *, user_id: str = "u1") -> Factor:
    options = creation(RULES, (), user_id=user_id, name="ada", to_sign=SIGNED)
    found = registered(RULES, key.create(options), to_sign=SIGNED)
    return Factor(
        "f1",
        user_id,
        KEY,
        "key",
        0.0,
        counter=found.counter,
        credential=found.credential,
        public_key=found.public_key,
    )


def test_a_page_is_told_who_asks_and_nothing_that_says_who_somebody_is() -> None:
    key = SoftKey()
    told = creation(RULES, (made(key),), user_id="u1", name="ada", to_sign=SIGNED)
    assert told["rp"] == {"name": "Home", "id": "home"}
    assert told["challenge"] == encoded(SIGNED)
    assert told["user"] == {"id": encoded(handle_of("u1")), "name": "ada", "displayName": "ada"}
    assert told["attestation"] == "none"
    assert b"u1" not in handle_of("u1")
    assert handle_of("u1") != handle_of("u2")
    asked = request(RULES, (made(key),), to_sign=SIGNED)
    assert (asked["rpId"], asked["challenge"]) == ("home", encoded(SIGNED))
    assert str(asked["allowCredentials"]).count(encoded(key.id)) == 1


def test_a_key_s_word_is_believed_and_its_counter_told() -> None:
    key = SoftKey()
    factor = made(key)
    said = key.get(request(RULES, (factor,), to_sign=SIGNED))
    assert asserted(RULES, said, (factor,), user_id="u1", to_sign=SIGNED) == (factor, 1)
    with pytest.raises(Refused):
        asserted(RULES, said, (factor,), user_id="u1", to_sign=b"t" * 32)
    with pytest.raises(Refused, match="none of their keys"):
        asserted(RULES, said, (), user_id="u1", to_sign=SIGNED)
    with pytest.raises(Refused, match="somebody else's"):
        asserted(RULES, said, (factor,), user_id="u2", to_sign=SIGNED)


@pytest.mark.parametrize("before", [1, 2, 2**32 - 1])
def test_a_counter_that_does_not_go_on_is_told_apart(before: int) -> None:
    key = SoftKey()
    factor = replace(made(key), counter=before)
    said = key.get(request(RULES, (factor,), to_sign=SIGNED))
    with pytest.raises(WentBack):
        asserted(RULES, said, (factor,), user_id="u1", to_sign=SIGNED)


def test_a_key_without_a_handle_is_believed() -> None:
    key = SoftKey()
    factor = made(key)
    key.handle = None
    said = key.get(request(RULES, (factor,), to_sign=SIGNED))
    assert asserted(RULES, said, (factor,), user_id="u1", to_sign=SIGNED)[1] == 1


def test_a_credential_that_is_too_long_is_none() -> None:
    with pytest.raises(Refused):
        made(SoftKey(id=b"x" * 1024))


TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3)
    ),
    max_leaves=8,
)
NAMES = ("id", "rawId", "type", "response")
PARTS = ("clientDataJSON", "authenticatorData", "signature", "userHandle")


@given(st.sampled_from(NAMES), TREE)
def test_what_is_no_word_of_a_key_is_refused_whatever_it_is(name: str, value: object) -> None:
    key = SoftKey(private=_PRIVATE)
    factor = made(key)
    said = {**key.get(request(RULES, (factor,), to_sign=SIGNED)), name: value}
    with pytest.raises(Refused):
        asserted(RULES, said, (factor,), user_id="u1", to_sign=SIGNED)


@given(st.sampled_from(PARTS), st.binary(max_size=80))
def test_nor_is_one_of_whose_parts_one_is_changed(name: str, value: bytes) -> None:
    key = SoftKey(private=_PRIVATE)
    factor = made(key)
    said = key.get(request(RULES, (factor,), to_sign=SIGNED))
    said["response"][name] = encoded(value or b"\x00")
    with pytest.raises(Refused):
        asserted(RULES, said, (factor,), user_id="u1", to_sign=SIGNED)


@given(st.binary(max_size=200))
def test_nor_is_what_registers_something_else(value: bytes) -> None:
    key = SoftKey(private=_PRIVATE)
    options = creation(RULES, (), user_id="u1", name="ada", to_sign=SIGNED)
    said = key.create(options)
    said["response"]["attestationObject"] = encoded(value)
    with pytest.raises(Refused):
        registered(RULES, said, to_sign=SIGNED)


_PRIVATE = SoftKey().private
