"""URLs of stores."""

import pytest

from tta_gateway.settings.valkey_url import valkey_url
from tta_gateway.support.valkey.topology import Address, Login, Store

ONE = Address("h", 6379)


@pytest.mark.parametrize(
    ("url", "store", "shown"),
    [
        ("redis://h", Store(addresses=(ONE,)), "redis://h:6379"),
        ("valkey://H:1/2", Store(addresses=(Address("h", 1),), login=Login(database=2)), None),
        ("redis://[::1]:7/", Store(addresses=(Address("::1", 7),)), "redis://[::1]:7/"),
        (
            "rediss://:p%40ss@h/0?ca=/a%20b.pem",
            Store(addresses=(ONE,), login=Login(password="p@ss", tls=True, ca="/a b.pem")),
            "rediss://:***@h:6379/0?ca=/a%20b.pem",
        ),
        ("valkeys://h", Store(addresses=(ONE,), login=Login(tls=True)), "valkeys://h:6379"),
        (
            "unix://ann:secret@/run/v.sock",
            Store(
                addresses=(Address(unix="/run/v.sock"),), login=Login(user="ann", password="secret")
            ),
            "unix://ann:***@/run/v.sock",
        ),
        ("unix:///run/v.sock", Store(addresses=(Address(unix="/run/v.sock"),)), None),
        (
            "redis+sentinel://a,b:7/tta/3",
            Store(
                kind="sentinel",
                addresses=(Address("a", 26379), Address("b", 7)),
                master="tta",
                login=Login(database=3),
            ),
            "redis+sentinel://a:26379,b:7/tta/3",
        ),
        (
            "valkeys+cluster://a,b",
            Store(
                kind="cluster",
                addresses=(Address("a", 6379), Address("b", 6379)),
                login=Login(tls=True),
            ),
            "valkeys+cluster://a:6379,b:6379",
        ),
    ],
)
def test_a_url_names_a_store(url: str, store: Store, shown: str | None) -> None:
    found = valkey_url(url)
    assert found.store == store
    assert shown is None or str(found) == shown


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (7, "must be the URL of a Valkey or Redis"),
        ("localhost:6379", "must be the URL of a Valkey or Redis"),
        ("http://h", "must be the URL of a Valkey or Redis"),
        ("unix+cluster:///a", "must be the URL of a Valkey or Redis"),
        ("redis://a:secret@b@c", "must be the URL of a Valkey or Redis"),
        ("redis://", "must name a host"),
        ("redis://h:x", "must name a host"),
        ("redis://h:0", "`0` is not a port"),
        ("redis://-h", "`-h` is not a host"),
        ("redis://a,b", "names several hosts: for Sentinels write"),
        ("redis://h/x", "has a path that is no database"),
        ("redis://h/1/2", "has a path that is no database"),
        ("redis+sentinel://h", "lacks what the Sentinels call the master"),
        ("redis+cluster://h/1", "names a database"),
        ("redis://ann@h", "names a user and no password"),
        ("redis://:***@h", "`***` stands where `config show` hides the password"),
        ("redis://h?ca=/a", "knows one option behind `?`"),
        ("rediss://h?timeout=1", "knows one option behind `?`"),
        ("unix://run/v.sock", "`unix://` needs the whole path"),
        ("unix://", "`unix://` needs the whole path"),
    ],
)
def test_what_is_no_such_url_is_refused_with_what_to_write(url: object, sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + sentence.replace("?", r"\?").replace("*", r"\*")):
        valkey_url(url)


@pytest.mark.parametrize(
    "url",
    ["redis://:secret@a,b", "redis://:secret@h/x", "redis://:secret@-h", "unix://:secret@a/b"],
)
def test_no_complaint_quotes_a_password(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        valkey_url(url)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(valkey_url("redis://:secret@h"))
