"""Listeners: one address, or a list of addresses, each with whom it trusts."""

import pytest

from tests.helpers.configuration import complaints, loaded
from tta_gateway.settings.address import Address


def addresses(written: str) -> list[str]:
    text = f"listen: {written}\nplaintext: {{listen: a test}}\n"
    return [str(one.address) for one in loaded(text).settings.listen]


def test_nothing_written_is_loopback() -> None:
    assert [one.address for one in loaded("").settings.listen] == [Address("127.0.0.1", 8080)]


def test_one_address_stands_alone() -> None:
    assert addresses("127.0.0.1:80") == ["127.0.0.1:80"]


def test_addresses_stand_in_a_list_with_or_without_more() -> None:
    assert addresses('["[::1]:80", {address: 127.0.0.1:80}, unix:/x]') == [
        "[::1]:80",
        "127.0.0.1:80",
        "unix:/x",
    ]


def test_trusted_proxies_are_networks() -> None:
    text = "listen: [{address: 127.0.0.1:80, trusted_proxies: [10.0.0.0/8, 192.0.2.7, '::/0']}]"
    trusted = loaded(text).settings.listen[0].trusted_proxies
    assert trusted == ("10.0.0.0/8", "192.0.2.7/32", "::/0")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "proxy.local", ""])
def test_what_is_no_network_is_refused(network: str) -> None:
    text = f"listen: [{{address: 127.0.0.1:80, trusted_proxies: ['{network}']}}]"
    assert len(complaints(text)) == 1


def test_nobody_at_a_unix_socket_can_be_trusted() -> None:
    text = "listen: [{address: unix:/x, trusted_proxies: [10.0.0.0/8]}]"
    assert "who connects to a unix socket has no address" in complaints(text)[0]


def test_a_bad_address_does_not_make_its_trusted_proxies_bad() -> None:
    text = "listen: [{address: x, trusted_proxies: [10.0.0.0/8]}]"
    assert [line.split(": ")[0] for line in complaints(text)] == [
        "gateway.yaml:1:11 listen[0].address"
    ]


@pytest.mark.parametrize("written", ["[a:1, A:1]", "[unix:/x, unix:/x]"])
def test_an_address_is_listened_at_once(written: str) -> None:
    assert "twice: keep one of them" in complaints(f"listen: {written}")[0]


def test_several_free_ports_may_be_taken() -> None:
    assert addresses("[a:0, a:0]") == ["a:0", "a:0"]


def test_there_is_at_least_one_address() -> None:
    assert complaints("listen: []") == ["gateway.yaml:1:1 listen: holds too few: write at least 1"]
