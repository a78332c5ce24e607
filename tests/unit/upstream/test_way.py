import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.builders import a_peer
from tta_gateway.kernel.message import Fields
from tta_gateway.kernel.peer import Peer
from tta_gateway.upstream.way import client_of, lines, public_origin

# What a neighbour may claim, each a word that nothing else contains.
CLAIMS: Fields = [
    (b"x-forwarded-for", b"203.0.113.66"),
    (b"x-forwarded-proto", b"spoofed-proto"),
    (b"x-forwarded-host", b"spoofed-host"),
    (b"x-forwarded-port", b"spoofed-port"),
    (b"x-forwarded-prefix", b"/spoofed-prefix"),
    (b"x-real-ip", b"203.0.113.67"),
    (b"forwarded", b"for=203.0.113.68;by=spoofed-by"),
    (b"traceparent", b"spoofed-trace"),
]


def told(
    peer: Peer, said: Fields | None = None, *, host: bytes = b"example.org", client: str = ""
) -> dict[str, str]:
    """Return what a service is told, by name."""
    written = lines(peer, host=host, said=said or [], client=client or peer.address)
    assert written.endswith(b"\r\n")
    pairs = [line.partition(": ") for line in written.decode().split("\r\n")[:-1]]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: value for name, _, value in pairs}


def is_proxy(address: str) -> bool:
    return address.startswith("10.")


# --- strangers -----------------------------------------------------------------------------------


def test_a_service_is_told_who_asked_over_what_for_which_host() -> None:
    assert told(a_peer("192.0.2.7")) == {
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "example.org",
        "x-real-ip": "192.0.2.7",
        "forwarded": "for=192.0.2.7;host=example.org;proto=http",
    }


def test_an_untrusted_neighbour_s_words_never_appear() -> None:
    assert told(a_peer(), CLAIMS) == told(a_peer())


@given(said=st.lists(st.tuples(st.sampled_from([name for name, _ in CLAIMS]), st.binary())))
def test_nothing_that_an_untrusted_neighbour_says_changes_a_byte(said: Fields) -> None:
    written = lines(a_peer(), host=b"example.org", said=said, client="192.0.2.7")
    assert written == lines(a_peer(), host=b"example.org", said=[], client="192.0.2.7")


def test_what_is_remembered_for_one_host_is_not_told_of_another() -> None:
    peer = a_peer()
    told(peer, host=b"one.example")
    assert told(peer, host=b"other.example")["x-forwarded-host"] == "other.example"


def test_what_is_told_again_is_the_same() -> None:
    peer = a_peer()
    assert told(peer) == told(peer)


def test_what_is_told_again_is_not_written_again() -> None:
    peer = a_peer()
    first = lines(peer, host=b"example.org", said=[], client=peer.address)
    assert lines(peer, host=b"example.org", said=[], client=peer.address) is first


def test_an_ipv6_neighbour_stands_in_brackets_and_quotes() -> None:
    assert told(a_peer("2001:db8::1"))["forwarded"].startswith('for="[2001:db8::1]";')


def test_an_ipv6_neighbour_stands_bare_where_no_grammar_asks_for_more() -> None:
    assert told(a_peer("2001:db8::1"))["x-forwarded-for"] == "2001:db8::1"


def test_a_neighbour_without_an_address_is_unknown() -> None:
    assert told(a_peer(""))["forwarded"].startswith("for=unknown;")


@pytest.mark.parametrize(
    "host", ["example.org:8080", "[::1]", "[::1]:8080", "a;proto=https", "a,b"]
)
def test_a_host_that_is_no_token_is_quoted(host: str) -> None:
    assert f';host="{host}";' in told(a_peer(), host=host.encode())["forwarded"]


HOSTS = st.text(st.sampled_from("ab.:-_~!$&'()*+,;=%[]"), max_size=20)


@given(host=HOSTS)
def test_whatever_the_host_there_is_one_hop_with_one_protocol(host: str) -> None:
    forwarded = told(a_peer(), host=host.encode())["forwarded"]
    unquoted = re.sub(r'"[^"]*"', "", forwarded)
    assert (unquoted.count("proto="), unquoted.count("for="), unquoted.count(",")) == (1, 1, 0)


# --- proxies -------------------------------------------------------------------------------------


def a_proxy() -> Peer:
    return a_peer("10.0.0.1", trusted=True)


def test_a_trusted_neighbour_is_added_to_its_chain() -> None:
    way = told(a_proxy(), [(b"x-forwarded-for", b"192.0.2.7, 10.0.0.9")])
    assert way["x-forwarded-for"] == "192.0.2.7, 10.0.0.9, 10.0.0.1"


def test_a_chain_over_several_lines_is_one() -> None:
    said = [(b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-for", b"10.0.0.9")]
    assert told(a_proxy(), said)["x-forwarded-for"] == "192.0.2.7, 10.0.0.9, 10.0.0.1"


def test_a_trusted_neighbour_s_protocol_and_host_are_believed() -> None:
    way = told(a_proxy(), [(b"x-forwarded-proto", b"https"), (b"x-forwarded-host", b"public")])
    assert (way["x-forwarded-proto"], way["x-forwarded-host"]) == ("https", "public")


def test_a_trusted_neighbour_s_hops_are_kept_and_ours_is_added() -> None:
    way = told(a_proxy(), [(b"forwarded", b"for=192.0.2.7;proto=https")])
    assert way["forwarded"] == (
        "for=192.0.2.7;proto=https, for=10.0.0.1;host=example.org;proto=http"
    )


def test_a_trusted_neighbour_that_says_nothing_is_the_client() -> None:
    assert told(a_proxy())["x-forwarded-for"] == "10.0.0.1"


def test_the_client_behind_a_trusted_neighbour_is_told() -> None:
    way = told(a_proxy(), [(b"x-forwarded-for", b"192.0.2.7")], client="192.0.2.7")
    assert way["x-real-ip"] == "192.0.2.7"


def test_what_one_request_of_a_proxy_says_is_not_told_of_the_next() -> None:
    peer = a_proxy()
    told(peer, [(b"x-forwarded-for", b"192.0.2.7")])
    assert told(peer, [(b"x-forwarded-for", b"192.0.2.8")])["x-forwarded-for"] == (
        "192.0.2.8, 10.0.0.1"
    )


def test_what_one_request_of_a_proxy_says_is_not_remembered() -> None:
    peer = a_proxy()
    told(peer, [(b"x-forwarded-for", b"192.0.2.7")])
    assert told(peer)["x-forwarded-for"] == "10.0.0.1"


# --- the client ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (b"192.0.2.7", "192.0.2.7"),
        (b"192.0.2.7, 10.0.0.9", "192.0.2.7"),
        (b"203.0.113.66, 192.0.2.7, 10.0.0.9, 10.0.0.8", "192.0.2.7"),
        (b"10.0.0.9", "10.0.0.9"),
        (b"10.0.0.7, 10.0.0.9", "10.0.0.7"),
        (b" , 192.0.2.7 ,, ", "192.0.2.7"),
        (b"192.0.2.7:4711, 10.0.0.9", "192.0.2.7"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"[2001:DB8:0::1]:4711", "2001:db8::1"),
        (b"unknown", "10.0.0.1"),
        (b"192.0.2.7, unknown, 10.0.0.9", "10.0.0.9"),
        (b"192.0.2.7, <script>", "10.0.0.1"),
        (b"[, 10.0.0.9", "10.0.0.9"),
        (b"", "10.0.0.1"),
        (b" , ", "10.0.0.1"),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_no_proxy(chain: bytes, client: str) -> None:
    assert client_of("10.0.0.1", [(b"x-forwarded-for", chain)], is_proxy=is_proxy) == client


def test_a_neighbour_that_names_no_hop_is_the_client() -> None:
    assert client_of("10.0.0.1", [(b"forwarded", b"for=x")], is_proxy=is_proxy) == "10.0.0.1"


def test_a_chain_over_several_lines_is_read_as_one() -> None:
    said = [(b"x-forwarded-for", b"203.0.113.66"), (b"x-forwarded-for", b"192.0.2.7, 10.0.0.9")]
    assert client_of("10.0.0.1", said, is_proxy=is_proxy) == "192.0.2.7"


@given(
    spoofed=st.lists(st.ip_addresses(v=4).map(str), max_size=3),
    client=st.ip_addresses(v=4, network="192.0.2.0/24"),
    proxies=st.lists(st.ip_addresses(v=4, network="10.0.0.0/8").map(str), max_size=3),
)
def test_what_a_client_writes_itself_never_names_it(
    spoofed: list[str], client: ipaddress.IPv4Address, proxies: list[str]
) -> None:
    chain = ", ".join([*spoofed, str(client), *proxies]).encode()
    assert client_of("10.0.0.1", [(b"x-forwarded-for", chain)], is_proxy=is_proxy) == str(client)


# --- the public origin ---------------------------------------------------------------------------


def test_the_public_origin_is_what_the_client_asked_for() -> None:
    assert public_origin(a_peer(), host=b"example.org", said=[]) == (b"http", b"example.org")


def test_the_public_origin_is_what_a_trusted_neighbour_says() -> None:
    said = [(b"x-forwarded-proto", b"https, http"), (b"x-forwarded-host", b"public , inner")]
    assert public_origin(a_proxy(), host=b"inner", said=said) == (b"https", b"public")


def test_the_public_origin_is_not_what_a_stranger_says() -> None:
    assert public_origin(a_peer(), host=b"example.org", said=CLAIMS) == (b"http", b"example.org")
