"""Whether an address is in one of some networks."""

from ipaddress import ip_network

import pytest

from tta_gateway.features.allow_from.algorithm import is_within

NETWORKS = [ip_network("10.0.0.0/8"), ip_network("192.0.2.7"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    "client", ["10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.1.2.3", "2001:db8::1%eth0"]
)
def test_an_address_of_a_network_is_within(client: str) -> None:
    assert is_within(client, NETWORKS, unix=False)


@pytest.mark.parametrize(
    "client",
    ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::ffff:11.0.0.1", "localhost", "10.1.2", "::"],
)
def test_any_other_is_not(client: str) -> None:
    assert not is_within(client, NETWORKS, unix=True)


@pytest.mark.parametrize("unix", [True, False])
def test_a_neighbour_without_an_address_is_where_it_is_said_to_be(*, unix: bool) -> None:
    assert is_within("", NETWORKS, unix=unix) == unix
