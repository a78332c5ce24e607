"""Where a database is: read whole or refused, with no word of what stands there."""

from pathlib import Path

import pytest

from tta_gateway.support.sql.url import DatabaseUrl, in_folder, parse

WHOLE = "postgresql://me:word@db.example.org:5433/clinic"


def test_every_part_is_read() -> None:
    assert parse(WHOLE + "?sslmode=verify-full&ca=/etc/ca.pem") == DatabaseUrl(
        host="db.example.org",
        port=5433,
        user="me",
        password="word",
        name="clinic",
        encrypted=True,
        ca="/etc/ca.pem",
    )


def test_what_is_left_out_is_as_usual() -> None:
    found = parse("postgres://me@127.0.0.1/clinic")
    assert (found.port, found.password, found.ca, found.encrypted) == (5432, "", "", False)


def test_escapes_are_read() -> None:
    found = parse("postgresql://a%40b:p%2Fw%20d@localhost/c%20d")
    assert (found.user, found.password, found.name) == ("a@b", "p/w d", "c d")


@pytest.mark.parametrize(
    ("host", "encrypted"),
    [
        ("127.0.0.1", False),
        ("[::1]", False),
        ("localhost", False),
        ("10.0.0.1", True),
        ("db", True),
    ],
)
def test_nothing_goes_over_the_network_in_the_clear(host: str, *, encrypted: bool) -> None:
    assert parse(f"postgresql://me@{host}/clinic").encrypted is encrypted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mysql://me:word@db/clinic", "postgresql://"),
        ("me:word@db/clinic", "postgresql://"),
        ("postgresql://db/clinic", "all of these"),
        ("postgresql://me:word@/clinic", "all of these"),
        ("postgresql://me:word@db", "all of these"),
        ("postgresql://me:word@db/", "all of these"),
        ("postgresql://me:word@db/a/b", "all of these"),
        ("postgresql://me:word@db/clinic#x", "all of these"),
        ("postgresql://me:word@db:port/clinic", "not a URL"),
        ("postgresql://me:word@db:99999/clinic", "not a URL"),
        ("postgresql://me:word@[db/clinic", "not a URL"),
        (WHOLE + "?sslmode=prefer", "verify-full"),
        (WHOLE + "?sslmode=require&ca=/ca.pem", "verifies nobody"),
        (WHOLE + "?options=-csearch_path", "nothing else"),
        (WHOLE + "?ca=a&ca=b", "twice"),
    ],
)
def test_what_is_none_is_refused_without_its_secret(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        parse(text)
    assert ":word" not in str(raised.value)


def test_on_this_machine_it_may_be_in_the_clear_and_need_not() -> None:
    near = "postgresql://me@127.0.0.1/clinic?sslmode="
    assert [parse(near + mode).encrypted for mode in ("disable", "verify-full")] == [False, True]


@pytest.mark.parametrize(
    ("host", "mode", "is_open"),
    [
        ("db", "disable", True),
        ("db", "require", True),
        ("db", "verify-full", False),
        ("127.0.0.1", "disable", False),
        ("localhost", "require", False),
    ],
)
def test_it_is_known_who_could_listen_or_stand_in(host: str, mode: str, *, is_open: bool) -> None:
    assert parse(f"postgresql://me@{host}/clinic?sslmode={mode}").is_open is is_open
    assert not in_folder(Path("/var")).is_open


def test_no_password_is_shown() -> None:
    found = parse(WHOLE)
    assert found.shown == "postgresql://me@db.example.org:5433/clinic"
    assert "word" not in repr(found)


def test_without_a_name_it_is_a_file_of_the_state_folder(tmp_path: Path) -> None:
    found = in_folder(tmp_path)
    assert found.is_sqlite
    assert found.shown == f"sqlite:{tmp_path}/gateway.sqlite3"
