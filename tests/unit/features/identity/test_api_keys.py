"""API keys as a worker knows them."""

import pytest

from tta_gateway.features.identity.api_key import digest, made
from tta_gateway.features.identity.api_keys import ApiKeys
from tta_gateway.features.identity.bound import ApiKeysTold, KeyTold
from tta_gateway.features.identity.problems import KEY_EXPIRED, KEY_UNKNOWN
from tta_gateway.kernel.principal import Principal

NOW = 1_800_000_000.0
KEY, OTHER = made().encode(), made().encode()
TOLD = KeyTold(
    id="1", name="reports", expires=NOW + 60, roles=("service",), permissions=("notes:read",)
)


def keys(**more: KeyTold) -> ApiKeysTold:
    return ApiKeysTold(keys={digest(KEY): TOLD, **{digest(OTHER): one for one in more.values()}})


def known() -> tuple[ApiKeys, list[str]]:
    found, ended = ApiKeys(), list[str]()
    found.ended = ended.extend
    found.take("a", keys())
    return found, ended


def test_a_key_that_is_told_is_somebody() -> None:
    found, _ = known()
    principal = found.find(KEY, NOW)
    assert isinstance(principal, Principal)
    assert (principal.subject, principal.issuer) == ("key:reports", "gateway")
    assert (principal.roles, principal.permitted) == (
        frozenset({"service"}),
        frozenset({"notes:read"}),
    )
    assert (principal.session, principal.expires) == ("key:1", NOW + 60)
    assert found.counts(principal)


def attacks() -> list[bytes]:
    """What is no key that was told."""
    swapped = KEY.swapcase()
    return [
        OTHER,
        b"",
        b"tta_",
        KEY[:-1],
        KEY + b"0",
        KEY + b"\0",
        b" " + KEY[1:],
        swapped,
        digest(KEY),
        digest(KEY).hex().encode(),
        b"tta_" + b"A" * 49,
        KEY * 100,
    ]


@pytest.mark.parametrize("number", range(12))
def test_whatever_else_is_shown_is_nobody(number: int) -> None:
    assert known()[0].find(attacks()[number], NOW) is KEY_UNKNOWN


def test_one_that_is_over_is_told_so() -> None:
    assert known()[0].find(KEY, NOW + 60) is KEY_EXPIRED


def test_one_that_is_told_no_more_counts_no_more_and_ends_what_it_has_opened() -> None:
    found, ended = known()
    principal = found.find(KEY, NOW)
    assert isinstance(principal, Principal)
    found.take("a", keys(other=KeyTold(id="2", name="b", expires=NOW + 60)))
    assert ended == []
    found.take("a", ApiKeysTold())
    assert found.find(KEY, NOW) is KEY_UNKNOWN
    assert (ended, len(found), found.counts(principal)) == (["key:1", "key:2"], 0, False)


def test_a_section_that_is_gone_takes_its_keys_along_and_no_other() -> None:
    found, ended = known()
    found.take("b", ApiKeysTold(keys={digest(OTHER): KeyTold(id="2", name="b", expires=NOW + 9)}))
    found.take("a", None)
    found.take("a", None)
    assert (found.find(KEY, NOW), ended) == (KEY_UNKNOWN, ["key:1"])
    assert isinstance(found.find(OTHER, NOW), Principal)


def test_one_that_is_told_otherwise_is_as_it_is_told() -> None:
    found, ended = known()
    changed = KeyTold(id="1", name="reports", expires=NOW + 5, roles=("player",))
    found.take("a", ApiKeysTold(keys={digest(KEY): changed}))
    principal = found.find(KEY, NOW)
    assert isinstance(principal, Principal)
    assert (principal.roles, principal.expires, ended) == (
        frozenset({"player"}),
        NOW + 5,
        ["key:1"],
    )


def test_a_key_revoked_with_nobody_to_hear_it_ends_nothing() -> None:
    found = ApiKeys()
    found.take("a", keys())
    found.take("a", None)
    assert len(found) == 0


def test_a_token_of_anybody_else_is_no_key_whatever_it_says() -> None:
    foreign = Principal(subject="a", issuer="clinic", methods=frozenset({"api_key"}))
    assert ApiKeys().counts(foreign)
