from ipaddress import ip_network

import pytest

from tta_gateway.features.shield.source import client_of, is_site, is_within, site_of, sources_of


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unknown", ""),
        ("_hidden:1", ""),
        ("300.1.1.1", ""),
        ("192.0.2.7:80", ""),
    ],
)
def test_a_client_is_an_address_or_a_64(address: str, client: str) -> None:
    assert client_of(address) == client


def test_the_network_around_it_is_a_24_or_a_48() -> None:
    assert site_of("192.0.2.7") == "192.0.2.0/24"
    assert site_of("2001:db8:1:2::/64") == "2001:db8:1::/48"
    assert is_site("192.0.2.0/24")
    assert is_site("2001:db8:1::/48")
    assert not is_site("192.0.2.7")
    assert not is_site("2001:db8:1:2::/64")


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("2001:db8::/48", "2001:db8::/48"),
    ],
)
def test_what_is_written_is_what_is_counted(written: str, source: str) -> None:
    assert sources_of(written) == source


@pytest.mark.parametrize("written", ["10.0.0.0/8", "192.0.2.0/25", "2001:db8::/32", "here", ""])
def test_what_is_counted_by_nobody_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"write|not appear"):
        sources_of(written)


def test_whoever_overlaps_an_allowed_network_is_allowed() -> None:
    networks = [ip_network("192.0.2.16/28"), ip_network("2001:db8::/32")]
    assert is_within("192.0.2.17", networks)
    assert is_within("192.0.2.0/24", networks)  # a clinic in it would be kept out with it
    assert is_within("2001:db8:1:2::/64", networks)
    assert not is_within("192.0.2.7", networks)
    assert not is_within("2001:db9::/64", networks)
    assert not is_within("192.0.2.17", [])
