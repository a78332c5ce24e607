"""Refresh tokens: chance, then each made of the one before."""

from tta_gateway.features.identity.refresh_token import digest, first, next_of

KEY = b"k" * 32


def test_the_first_is_chance() -> None:
    tokens = {first() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(one) for one in tokens} == {43}


def test_the_next_is_the_same_for_whoever_has_the_key() -> None:
    token = first()
    assert next_of(token, KEY) == next_of(token, KEY)
    assert len({token, next_of(token, KEY), next_of(next_of(token, KEY), KEY)}) == 3


def test_without_the_key_it_is_another() -> None:
    assert next_of("a", KEY) != next_of("a", b"l" * 32)


def test_what_is_kept_tells_them_apart_and_is_none() -> None:
    assert digest("a") != digest("b")
    assert len(digest("a")) == 32
