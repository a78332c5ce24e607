"""Names of users, and what stands for them among failures."""

import pytest

from tta_gateway.features.identity.names import account_key, address_key, invitation_key, normal

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ada", "ada"),
        (" ada ", "ada"),
        ("ADA@Example.org", "ada@example.org"),
        ("ﬁn", "fin"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
    ],
)
def test_there_is_one_way_to_write_each(written: str, read: str) -> None:
    assert normal(written) == read


@pytest.mark.parametrize("written", ["", " ", "a b", "a/b", "a\nb", "a\x00b", "x" * 129])
def test_what_cannot_be_one_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="1 to 128 characters"):
        normal(written)


def test_nothing_of_a_name_stands_in_its_key() -> None:
    keys = {account_key("ada", KEY), account_key("bob", KEY), account_key("ada", b"l" * 32)}
    assert len(keys) == 3
    assert not any(b"ada" in one for one in keys)


def test_names_and_addresses_are_not_taken_for_each_other() -> None:
    assert account_key("192.0.2.1", KEY) != address_key("192.0.2.1", KEY)
    assert invitation_key(b"1", KEY) != account_key("31", KEY)
    assert invitation_key(b"1", KEY) != invitation_key(b"2", KEY)


def test_of_ipv6_the_network_counts() -> None:
    assert address_key("2001:db8::1", KEY) == address_key("2001:db8::ffff:1", KEY)
    assert address_key("2001:db8::1", KEY) != address_key("2001:db8:0:1::1", KEY)
    assert address_key("192.0.2.1", KEY) != address_key("192.0.2.2", KEY)
    assert address_key("unix", KEY) != address_key("", KEY)
