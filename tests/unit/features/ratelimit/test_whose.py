"""Whose bucket a request is counted in."""

import pytest

from tests.helpers.builders import a_peer, an_exchange
from tta_gateway.features.ratelimit.bound import Part
from tta_gateway.features.ratelimit.whose import Whose, network
from tta_gateway.kernel.principal import Principal

WHOSE = Whose(("org", "tenant"), ("azp",))
PERSON = Principal(
    subject="p1",
    issuer="home",
    roles=frozenset(("player", "admin")),
    claims={"tenant": "clinic", "org": 7, "azp": "app"},
)


def key(*parts: Part, principal: Principal | None = PERSON, address: str = "192.0.2.7") -> str:
    exchange = an_exchange(peer=a_peer(address))
    exchange.principal = principal
    return WHOSE.key(parts, exchange)


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unix"),
        ("un:known", "un:known"),
    ],
)
def test_what_an_address_counts_as(address: str, counts_as: str) -> None:
    assert network(address) == counts_as
    assert WHOSE.address(address) == counts_as
    assert WHOSE.address(address) == counts_as  # as it is remembered


def test_everybody_together_is_one() -> None:
    assert key() == key(principal=None) == ""


def test_each_part() -> None:
    assert [key(part) for part in ("user", "role", "tenant", "client", "address")] == [
        "home/p1",
        "admin,player",
        "clinic",
        "app",
        "192.0.2.7",
    ]


def test_parts_together_are_not_mistaken_for_others() -> None:
    assert key("user", "address") == "home/p1\x1f192.0.2.7"


@pytest.mark.parametrize("part", ["user", "role", "tenant", "client"])
def test_who_has_not_shown_a_name_is_known_by_an_address_and_is_nobody_else(part: Part) -> None:
    assert key(part, principal=None) == "\x00192.0.2.7"
    named_so = Principal(subject="192.0.2.7", issuer="home")
    assert key("user", principal=named_so) != key("user", principal=None)


def test_whose_token_names_no_tenant_is_one_alone() -> None:
    bare = Principal(subject="p2", issuer="home", claims={"tenant": "", "azp": None})
    assert key("tenant", principal=bare) == "\x00home/p2"
    assert key("client", principal=bare) == "\x00home/p2"


def test_addresses_are_not_remembered_without_end() -> None:
    whose = Whose((), ())
    for number in range(10_000):
        whose.address(f"2001:db8:{number:x}::1")
    assert len(whose._networks) < 8200


@pytest.mark.parametrize("part", ["user", "tenant", "client"])
def test_one_subject_of_two_issuers_are_two(part: Part) -> None:
    """Red where the subject alone is the key."""
    one, other = (Principal(subject="p1", issuer=name) for name in ("home", "clinic"))
    assert key(part, principal=one) != key(part, principal=other)
