"""Addresses: where the gateway listens, and where services do."""

import pytest

from tta_gateway.settings.address import Address, endpoint, host, is_here, listening


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[0:0::1]:8080", Address("::1", 8080)),
        ("LocalHost:80", Address("localhost", 80)),
        ("unix:/run/gateway.sock", Address(unix="/run/gateway.sock")),
        ("unix:./var/x.sock", Address(unix="./var/x.sock")),
    ],
)
def test_an_address_to_listen_at_is_a_host_and_a_port_or_a_socket(
    written: str, address: Address
) -> None:
    assert listening(written) == address


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("127.0.0.1", "must be an address with a port"),
        ("::1:8080", "must be an address with a port"),
        ("", "must be an address with a port"),
        (8080, "must be an address with a port"),
        (None, "must be an address with a port"),
        (":8080", "for every address write `0.0.0.0:8080`"),
        ("*:8080", "for every address write `0.0.0.0:8080`"),
        ("a:65536", "write a number from 0 to 65535"),
        ("127.1:80", "`127.1` is not an IPv4 address"),
        ("[127.0.0.1]:80", "`127.0.0.1` is not an IPv6 address"),
        ("a_-:80", "`a_-` is not a host"),
        ("unix:", "needs the path of a socket"),
        ("unix:/" + "x" * 107, "of at most 107 bytes"),
        ("unix:/a\0", "without control characters"),
    ],
)
def test_what_nobody_can_listen_at_is_refused(written: object, advice: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        listening(written)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("http://127.0.0.1:9001", Address("127.0.0.1", 9001)),
        ("http://[::1]:9001/", Address("::1", 9001)),
        ("HTTP://Players.Local", Address("players.local", 80)),
        ("http://a_b.local.", Address("a_b.local.", 80)),
        ("unix:/run/players.sock", Address(unix="/run/players.sock")),
    ],
)
def test_an_endpoint_is_a_url_without_a_path_or_a_socket(written: str, address: Address) -> None:
    assert endpoint(written) == address


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("127.0.0.1:9001", "must be the URL of an endpoint"),
        (9001, "must be the URL of an endpoint"),
        ("ws://a", "`ws://` is not spoken here"),
        ("http://a/b", "take `/b` out"),
        ("http://a?b", "take `?b` out"),
        ("http://u:p@a", "holds no user or password"),
        ("http://", "`` is not a host"),
        ("http://a:b", "`a:b` is not a host and a port"),
        ("http://a:0", "write a number from 1 to 65535"),
        ("unix:", "needs the path of a socket"),
    ],
)
def test_what_is_no_endpoint_is_refused(written: object, advice: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        endpoint(written)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("address", "text", "url"),
    [
        (Address("a", 80), "a:80", "http://a:80"),
        (Address("::1", 80), "[::1]:80", "http://[::1]:80"),
        (Address(unix="/x"), "unix:/x", "unix:/x"),
    ],
)
def test_an_address_reads_as_it_was_written(address: Address, text: str, url: str) -> None:
    assert (str(address), address.url) == (text, url)
    assert (listening(text), endpoint(url)) == (address, address)


def test_a_host_is_a_name_or_an_address_in_lower_case() -> None:
    assert [host("A.Example"), host("10.0.0.1"), host("[FE80::1]")] == [
        "a.example",
        "10.0.0.1",
        "fe80::1",
    ]


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("", False),
    ],
)
def test_this_machine_is_its_loopback_alone(host: str, found: bool) -> None:
    assert is_here(host) is found
