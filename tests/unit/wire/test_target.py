"""Request targets and hosts: what is allowed, and that the rest is refused quickly."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.message_strategy import PROPERTY, targets
from tta_gateway.wire import target
from tta_gateway.wire.target import is_everyday, is_host, origin_form


def asked(raw: bytes, *, method: bytes = b"GET", host: bytes | None = b"a.test") -> bytes | None:
    return origin_form(raw, method=method, host=host)


def httptools_reads(raw: bytes) -> tuple[bytes, bytes] | None:
    """Return the path and the query that httptools reads; None if it refuses."""
    try:
        url = httptools.parse_url(raw)
    except httptools.HttpParserInvalidURLError:
        return None
    parts: tuple[bytes | None, bytes | None] = (url.path, url.query)
    return parts[0] or b"", parts[1] or b""


@pytest.mark.parametrize(
    "raw",
    [
        b"/", b"/a/b", b"/a?b=c&d", b"/?", b"/??", b"//a", b"/%41%2f",
        b"/%zz%41".replace(b"zz", b"7A"), b"/a;b=c", b"/[]{}|^`\\", b"/a?[]{}|^`\\",
        b"/.-_~!$&'()*+,;=:@", b"/a%20b?c%20d",
    ],
)  # fmt: skip
def test_an_origin_form_stays_as_it_is(raw: bytes) -> None:
    assert asked(raw) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"a", b"a.test", b"a.test:443", b"?a", b"/a#b", b"/a b", b"/%", b"/%4", b"/%zz",
        b"/a?%g0", b"/\x00", b"/\x7f", b"/\xc3\xa9", b'/"', b"/<", b"/a>", b"/a\r\n", b"/a\n",
        b"\t/", b"*a", b"/%41%4", b"/?a\xff",
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(raw: bytes) -> None:
    assert asked(raw) is None


@pytest.mark.parametrize("bad", [b'"', b"%zz", b"#", b"\xff"])
def test_a_long_target_with_a_bad_end_is_refused_at_once(bad: bytes) -> None:
    # A pattern that can match in two ways would try them all, for longer than this test may run.
    assert asked(b"/" + b"a" * 8000 + bad) is None
    assert asked(b"/" + b"%41a" * 2000 + bad) is None
    assert asked(b"/?" + b"a" * 4000 + b"%41" * 1000 + bad) is None


@pytest.mark.parametrize("raw", [b"/%41%??41", b"/%?41", b"/a%?a%41"])
def test_an_escape_is_whole_where_the_query_begins(raw: bytes) -> None:
    # Possessive quantifiers let the first of these through (a fault of Python before 3.11.5).
    assert asked(raw) is None


def test_an_asterisk_is_for_options() -> None:
    assert asked(b"*", method=b"OPTIONS") == b"*"


def test_an_asterisk_is_for_nothing_else() -> None:
    assert asked(b"*") is None


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"http://a.test/b?c", b"/b?c"),
        (b"HTTPS://A.Test/b", b"/b"),
        (b"http://a.test", b"/"),
        (b"http://a.test?c", b"/?c"),
        (b"http://a.test//b", b"//b"),
    ],
)
def test_an_absolute_form_that_names_the_host_becomes_its_path(raw: bytes, path: bytes) -> None:
    assert asked(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        b"http://b.test/", b"http://a.test:80/", b"http://u@a.test/", b"http:///a",
        b"http:/a.test/", b"ftp://a.test/", b"file:///a.test", b"http://a.test/%zz",
        b"http://a.test#b", b"http://",
    ],
)  # fmt: skip
def test_an_absolute_form_that_does_not_is_refused(raw: bytes) -> None:
    assert asked(raw) is None


def test_an_absolute_form_without_a_host_to_compare_is_refused() -> None:
    assert asked(b"http://a.test/", host=None) is None


@pytest.mark.parametrize("raw", [b"/", b"/a/b?c=d&e"])
def test_most_targets_need_no_second_look(raw: bytes) -> None:
    assert is_everyday(raw)


@pytest.mark.parametrize("raw", [b"", b"*", b"a", b"/%41", b"/a b", b"http://a.test/"])
def test_some_do(raw: bytes) -> None:
    assert not is_everyday(raw)


@pytest.mark.parametrize(
    "value",
    [
        b"a", b"a.test", b"a.test.", b"a.test:80", b"a.test:", b"127.0.0.1:65535", b"[::1]",
        b"[::1]:80", b"[::ffff:1.2.3.4]", b"a_b", b"a-b", b"xn--e1a", b"%41", b"a%2e",
    ],
)  # fmt: skip
def test_a_name_or_an_address_is_a_host(value: bytes) -> None:
    assert is_host(value)


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b"a b", b".", b".a", b"a..b", b"u@a", b"a/b", b"a?b", b"a#b", b"a\\b", b"a:b",
        b":80", b"a:123456", b"a:80:80", b"::1", b"[::1", b"::1]", b"[]", b"[a]", b"[::1]a",
        b"a\x00", b"\xc3\xa9", b"a%zz", b"a%4", b"http://a", b"a,\tb", b"<a>", b"a" * 262,
    ],
)  # fmt: skip
def test_anything_else_is_none(value: bytes) -> None:
    assert not is_host(value)


def test_a_long_host_with_a_bad_end_is_refused_at_once() -> None:
    assert not is_host(b"a" * 250 + b"%zz")


def test_the_memory_of_hosts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_hosts", set())
    assert all(is_host(b"a%d" % number) for number in range(2000))
    assert len(target._hosts) == 1024


def test_a_host_is_known_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_hosts", {b"a.test"})
    assert is_host(b"a.test")


@PROPERTY
@given(targets)
def test_httptools_reads_the_same_path_and_query(raw: bytes) -> None:
    path, _, query = raw.partition(b"?")
    assert asked(raw) == raw
    assert httptools_reads(raw) in (None, (path, query))


@PROPERTY
@given(st.binary(max_size=20))
def test_what_is_accepted_holds_nothing_that_ends_or_splits_a_line(tail: bytes) -> None:
    accepted = asked(b"/" + tail) or b""
    assert not set(accepted) & {*range(0x21), *range(0x7F, 0x100), *b'"<>#'}
