"""Request targets and hosts: what is accepted is one thing to every reader of URLs.

The input is `method SP target SP host`, as it would stand in a request.
"""

import re
from collections.abc import Hashable
from typing import Final

import httptools

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own
from tta_gateway.wire.target import is_host, origin_form

_UNSAFE: Final = frozenset((*range(0x21), *range(0x7F, 0x100), *b'"<>#'))
_PORT: Final = re.compile(rb":[0-9]+\Z")
_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def check(pieces: Pieces) -> Hashable:
    """Ask whether this is a target."""
    data = b"".join(pieces)
    method, _, rest = data.partition(b" ")
    target, _, host = rest.rpartition(b" ")
    known = is_host(host)
    if known:
        _demand_good_host(host)
    path = origin_form(target, method=method, host=host if known else None)
    if path is None:
        return known, None
    demand(path == b"*" or path.startswith(b"/"), "it is origin-form, or `*`", path)
    demand(path != b"*" or (method == b"OPTIONS" and target == b"*"), "only OPTIONS has `*`", data)
    demand(not _UNSAFE & frozenset(path), "it has no octet that somebody minds", path)
    demand(not _ESCAPE.search(path), "its escapes are whole", path)
    demand(origin_form(path, method=method, host=None) == path, "it stays as it is", path)
    if path != b"*":
        _agree(target, path, host)
    return known, target == path, b"?" in path, b"%" in path, min(len(path), 9)


def alone(pieces: Pieces) -> None:
    """Ask whether this is a target, and look no further."""
    target, _, host = b"".join(pieces).partition(b" ")[2].rpartition(b" ")
    is_host(host)
    origin_form(target, method=b"GET", host=host)


def _demand_good_host(host: bytes) -> None:
    demand(0 < len(host) <= 261, "a host has a length that a host may have", host)
    demand(not _UNSAFE & frozenset(host), "a host has no octet that somebody minds", host)
    demand(not frozenset(host) & frozenset(b"/?@\\"), "a host is not a part of a URL", host)
    demand(not _ESCAPE.search(host), "a host's escapes are whole", host)
    try:
        url = httptools.parse_url(b"http://%b/" % host)
    except httptools.HttpParserInvalidURLError:
        return  # stricter than RFC 3986: no sub-delims in names, no empty port
    name = host[: host.rindex(b":")] if _PORT.search(host) else host
    demand(url.host == name.strip(b"[]"), "httptools reads the same host", url.host, host)


def _agree(target: bytes, path: bytes, host: bytes) -> None:
    """llhttp's reader of URLs sees the same path and query; an absolute one names the host."""
    try:
        url = httptools.parse_url(path)
    except httptools.HttpParserInvalidURLError:
        demand(path.startswith(b"//"), "httptools reads it", path)
        return
    parts: tuple[bytes | None, bytes | None] = (url.path, url.query)
    read = b"?".join(part for part in parts if part is not None)
    demand(path in (read, read + b"?"), "httptools reads the same", read, path)
    if target != path:
        authority = target.partition(b"://")[2]
        demand(authority.lower().startswith(host.lower()), "it names the host", target, host)


def _seeds() -> list[bytes]:
    return own("target")


TARGET: Final = Target(
    name="target",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=2,
    tokens=(
        b"GET ", b"OPTIONS ", b"CONNECT ", b"*", b"/", b"//", b"/../", b"/./", b"%2e%2e", b"%2F",
        b"%00", b"%", b"%zz", b"?", b"??", b"#", b"@", b"user@", b":", b":80", b":99999", b":0x50",
        b"http://", b"HTTPS://", b"file://", b"http:/", b"a", b"a.b", b"a..b", b"[::1]",
        b"[::1]:80", b"[1.2.3.4]", b"[", b"]", b"\\", b";", b"&=+,!$'()*", b"{}|^`", b'"<>', b"\t",
        b"\x00", b"\x7f", b"\xc3\xa9", b" ", b" a", b" a:80", b"127.0.0.1", b"xn--e1a", b"_", b"-",
        b"~",
    ),
)  # fmt: skip
