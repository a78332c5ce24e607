"""The PROXY protocol: both versions, whole or in pieces, and nothing that only looks like one."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_gateway.wire.proxy_protocol import LONGEST, NotProxiedError, Source, read

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"
PORTS = struct.pack("!HH", 40000, 443)


def binary(command: int, family: int, addresses: bytes, more: bytes = b"") -> bytes:
    body = addresses + more
    return SIGNATURE + bytes((command, family)) + struct.pack("!H", len(body)) + body


def packed(source: str) -> bytes:
    address = ip_address(source).packed
    return address + ip_address("::1" if len(address) == 16 else "127.0.0.1").packed + PORTS


TCP4 = binary(0x21, 0x11, packed("192.0.2.7"))


def said(data: bytes) -> tuple[str, int, int]:
    source = read(data)
    assert isinstance(source, Source)
    return source.address, source.port, source.length


def test_a_line_says_who_has_connected() -> None:
    assert said(LINE + b"GET / ") == ("192.0.2.7", 40000, len(LINE))
    line = b"PROXY TCP6 2001:DB8:0:0::7 ::1 1 0\r\n"
    assert said(line) == ("2001:db8::7", 1, len(line))


def test_the_second_version_says_it_too() -> None:
    assert said(TCP4 + b"GET / ") == ("192.0.2.7", 40000, len(TCP4))
    assert said(binary(0x21, 0x21, packed("2001:db8::7")))[:2] == ("2001:db8::7", 40000)


def test_an_ipv4_address_written_as_an_ipv6_one_is_what_it_is() -> None:
    assert said(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n")[0] == "192.0.2.7"
    assert said(binary(0x21, 0x21, packed("::ffff:192.0.2.7")))[0] == "192.0.2.7"


@pytest.mark.parametrize(
    ("header", "local"),
    [
        (b"PROXY UNKNOWN\r\n", False),
        (b"PROXY UNKNOWN ffff:f...f:ffff 1.2.3.4 0 x\r\n", False),
        (binary(0x20, 0x00, b""), True),
        (binary(0x20, 0x11, packed("192.0.2.7")), True),
        (binary(0x20, 0xFF, b"\x00"), True),
        (binary(0x21, 0x00, b""), False),
        (binary(0x21, 0x31, b"/run/a".ljust(108, b"\0") * 2), False),
    ],
)
def test_a_proxy_may_speak_for_itself_or_for_nobody_known(header: bytes, local: bool) -> None:
    assert said(header + b"more") == ("", 0, len(header))
    source = read(header)
    assert source is not None
    assert source.local == local


@pytest.mark.parametrize("header", [LINE, TCP4])
def test_who_is_named_is_not_the_proxy_itself(header: bytes) -> None:
    source = read(header)
    assert source is not None
    assert not source.local


def test_what_else_the_second_version_tells_is_skipped() -> None:
    header = binary(0x21, 0x11, packed("192.0.2.7"), b"\x01\x00\x02h2" + b"\x04\x00\x00")
    assert said(header + b"\x16\x03") == ("192.0.2.7", 40000, len(header))


@pytest.mark.parametrize("header", [LINE, TCP4, b"PROXY UNKNOWN\r\n"])
def test_a_header_that_is_not_whole_is_waited_for(header: bytes) -> None:
    assert [read(header[:size]) for size in range(len(header))] == [None] * len(header)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        b"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY \r\n",
        b"PROXY UNKNOWN " + b"x" * 93,
        binary(0x11, 0x11, packed("192.0.2.7")),
        binary(0x22, 0x11, packed("192.0.2.7")),
        binary(0x21, 0x12, packed("192.0.2.7")),
        binary(0x21, 0x21, packed("192.0.2.7")),
        binary(0x21, 0x11, b"short"),
        binary(0x21, 0x11, packed("192.0.2.7"), bytes(LONGEST)),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(NotProxiedError):
        read(data)


ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@given(ADDRESSES, st.integers(0, 65535), st.binary(max_size=40))
def test_both_versions_say_the_same(address: object, port: int, rest: bytes) -> None:
    text = str(address)
    version = 6 if ":" in text else 4
    other = "::1" if version == 6 else "127.0.0.1"
    line = f"PROXY TCP{version} {text} {other} {port} 1\r\n".encode()
    raw = ip_address(text).packed + ip_address(other).packed + struct.pack("!HH", port, 1)
    header = binary(0x21, 0x21 if version == 6 else 0x11, raw)
    assert said(line + rest) == (*said(header + rest)[:2], len(line))
    assert said(line)[1] == port


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: SIGNATURE + data))
def test_whatever_comes_is_a_header_or_none_or_part_of_one(data: bytes) -> None:
    try:
        source = read(data)
    except NotProxiedError:
        return
    assert source is None or source.length <= len(data)
