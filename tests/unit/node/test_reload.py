"""When a file is read again, and what becomes of what was in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.helpers.builders import a_route
from tests.helpers.descriptors import open_now
from tests.helpers.fake_clock import FakeClock
from tta_gateway.node import reload as module
from tta_gateway.node.looking import EACH, HURRIED, Looking
from tta_gateway.node.reload import (
    LONGEST,
    STILL,
    Compiled,
    FileWatch,
    Reload,
    Watches,
    _read,
    refused,
)
from tta_gateway.node.reload import Compiling as RealCompiling
from tta_gateway.snapshot import kept
from tta_gateway.snapshot.encode import encode
from tta_gateway.snapshot.model import Listener, ListenerTls, SecretFile, Snapshot
from tta_gateway.support.file_stamp import stamp_of

BEFORE = Snapshot(
    version=1,
    state_dir=".",
    workers=2,
    probe=Listener(host="::1", port=8082),
    admin=Listener(host="::1", port=8081),
    listeners=(Listener(host="::1", port=8080),),
    services=(),
    routes=(a_route("/a", service="", redirect="/b"),),
)


def newer(version: int = 2, **changes: object) -> Compiled:
    snapshot = msgspec.structs.replace(BEFORE, version=version, **changes)
    return Compiled(snapshot, encode(snapshot), b"sealed", [])


# What may change


@pytest.mark.parametrize("changes", [{"routes": ()}, {"open_metrics": True}])
def test_what_is_decided_anew_for_every_request_may_change(changes: dict[str, Any]) -> None:
    assert refused(BEFORE, msgspec.structs.replace(BEFORE, **changes)) == []


def test_all_that_may_not_change_is_said_at_once() -> None:
    assert len(refused(BEFORE, msgspec.structs.replace(BEFORE, admin=None, probe=None))) == 2


def test_what_is_spoken_at_an_address_may_change() -> None:
    listeners = tuple(
        msgspec.structs.replace(one, proxy_protocol=True, tls=ListenerTls(certificates=()))
        for one in BEFORE.listeners
    )
    assert refused(BEFORE, msgspec.structs.replace(BEFORE, listeners=listeners)) == []


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("listen", {"listeners": ()}),
        ("probe", {"probe": None}),
        ("admin", {"admin": None}),
        ("admin", {"admin": Listener(host="::1", port=8083)}),
        ("state_dir", {"state_dir": "elsewhere"}),
        ("workers", {"workers": 3}),
    ],
)
def test_what_the_process_has_for_life_may_not(key: str, changes: dict[str, Any]) -> None:
    assert refused(BEFORE, msgspec.structs.replace(BEFORE, **changes)) == [
        f"{key}: cannot change while the gateway runs: start it anew"
    ]


# The file


class File:
    """A file whose changes are numbers."""

    def __init__(self) -> None:
        self.stamp: tuple[int, int, int] | None = (1, 1, 1)

    def write(self, number: int) -> None:
        self.stamp = (1, 1, number)


def test_a_file_that_does_not_change_is_not_read_again() -> None:
    file = File()
    watch = FileWatch(lambda: file.stamp)
    assert [watch.has_changed(float(now)) for now in range(5)] == [False] * 5


def test_a_change_is_told_once_when_it_has_been_still() -> None:
    file = File()
    watch = FileWatch(lambda: file.stamp)
    file.write(2)
    told = [watch.has_changed(now) for now in (10.0, 10.4, 10.0 + STILL, 11.0)]
    assert told == [False, False, True, False]


def test_a_file_that_is_still_being_written_is_waited_for() -> None:
    file = File()
    watch = FileWatch(lambda: file.stamp)
    told = []
    for tick in range(8):
        file.write(min(tick, 4) + 2)
        told.append(watch.has_changed(10.0 + tick * 0.3))
    assert told == [False] * 6 + [True, False]


def test_it_says_whether_it_waits() -> None:
    file = File()
    watch = FileWatch(lambda: file.stamp)
    file.write(2)
    watch.has_changed(10.0)
    assert watch.is_waiting
    watch.has_changed(11.0)
    assert not watch.is_waiting


def test_a_file_that_is_gone_is_not_read() -> None:
    file = File()
    watch = FileWatch(lambda: file.stamp)
    file.stamp = None
    assert [watch.has_changed(now) for now in (10.0, 11.0)] == [False, False]
    assert not watch.is_waiting  # or the supervisor would look ten times a second, for good


def test_a_change_that_came_before_the_watch_began_is_told() -> None:
    file = File()
    file.write(2)
    watch = FileWatch(lambda: file.stamp, (1, 1, 1))
    assert [watch.has_changed(now) for now in (10.0, 10.0 + STILL, 11.0)] == [False, True, False]


def test_a_file_that_is_what_it_was_when_it_was_read_is_not_read_again() -> None:
    file = File()
    watch = FileWatch(lambda: file.stamp, (1, 1, 1))
    assert [watch.has_changed(float(now)) for now in range(5)] == [False] * 5


class Folder:
    """Files of which one is the configuration, and the others hold secrets."""

    def __init__(self, path: Path) -> None:
        self.own = path / "gateway.yaml"
        self.own.write_text("a")
        self.secrets = [path / name for name in ("one", "other")]
        for one in self.secrets:
            one.write_text("secret")
        self.clock = FakeClock()
        self.looking = Looking(clock=self.clock.monotonic, log=cast("Any", None))
        self.watches = Watches(self.own, stamp_of(self.own), self.looking)

    def read(self) -> list[SecretFile]:
        return [SecretFile(str(file), stamp_of(file) or (0, 0, 0)) for file in self.secrets]

    def told(self, *moments: float) -> list[bool]:
        """Whether something has changed, each time once all have been looked at."""
        return [self._told(now) for now in moments]

    def _told(self, now: float) -> bool:
        self.clock.advance(EACH + 0.01)
        self.looking.tick(hurry=False)
        self.looking.wait(5.0)
        return self.watches.has_changed(now)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_secret_that_changes_is_told_once_like_the_file_itself(folder: Folder) -> None:
    folder.watches.adopt(folder.read())
    assert folder.told(1.0, 2.0) == [False, False]
    folder.secrets[1].write_text("another")
    assert (folder.told(3.0), folder.watches.is_waiting) == ([False], True)
    assert (folder.told(3.0 + STILL, 9.0), folder.watches.is_waiting) == ([True, False], False)


def test_what_changes_together_is_told_once(folder: Folder) -> None:
    folder.watches.adopt(folder.read())
    for file in (folder.own, *folder.secrets):
        file.write_text("another")
    assert folder.told(3.0, 3.0 + STILL, 9.0) == [False, True, False]


def test_a_secret_that_has_changed_since_it_was_read_is_told(folder: Folder) -> None:
    before = folder.read()
    folder.secrets[0].write_text("another")
    folder.watches.adopt(before)
    assert folder.told(3.0, 3.0 + STILL) == [False, True]


def test_a_secret_that_is_no_longer_named_is_not_looked_at(folder: Folder) -> None:
    folder.watches.adopt(folder.read())
    folder.watches.adopt(())
    folder.secrets[0].write_text("another")
    assert folder.told(3.0, 4.0) == [False, False]


def test_a_secret_that_is_gone_is_no_reason_to_read_anything(folder: Folder) -> None:
    folder.watches.adopt(folder.read())
    folder.secrets[0].unlink()
    assert folder.told(3.0, 4.0) == [False, False]


def test_a_look_that_is_under_way_may_say_something_soon(folder: Folder) -> None:
    told = [folder.watches.is_waiting]
    for now in (1.0, 1.1):
        folder.watches.has_changed(now)
        told.append(folder.watches.is_waiting)
        folder.looking.wait(5.0)
    assert told == [False, True, False]


def test_while_a_change_has_to_be_still_files_are_looked_at_more_often(folder: Folder) -> None:
    folder.own.write_text("another")
    folder.told(1.0)
    folder.clock.advance(HURRIED + 0.01)
    folder.watches.has_changed(1.1)
    assert folder.looking.is_under_way
    folder.looking.wait(5.0)


def test_a_folder_may_be_called_by_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = (
        msgspec.structs.replace(BEFORE, state_dir=name) for name in ("./var", f"{tmp_path}/var")
    )
    assert refused(one, other) == []


# Compiling


# A program that fails with the module's name as its complaint, or writes what it is told to.
FAILS = 'echo "$0" >&2; exit 2'
DIES = "exit 1"


def compiling(
    script: str, monkeypatch: pytest.MonkeyPatch, *, handover: bytes = b""
) -> Compiled | None:
    """What becomes of a configuration if this is what a shell does instead."""
    monkeypatch.setattr(module, "PYTHON", ("/bin/sh", "-c", script))
    begun = RealCompiling(Path("gateway.yaml"), 2, handover=handover)
    begun._process.wait(5.0)
    return begun.result()


@pytest.mark.parametrize(
    ("handover", "name"), [(b"", "compile_main"), (b"handover", "preflight_main")]
)
def test_a_check_tries_all_of_the_code(
    monkeypatch: pytest.MonkeyPatch, handover: bytes, name: str
) -> None:
    assert compiling(FAILS, monkeypatch, handover=handover) == Compiled(
        None, b"", b"", [f"tta_gateway.node.{name}"]
    )


def test_a_check_gets_what_it_would_be_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    tells = 'cat "/proc/self/fd/$4" >&2; exit 2'
    told = compiling(tells, monkeypatch, handover=b"handover")
    assert told is not None
    assert told.complaints == ["handover"]


def test_a_compiler_is_told_which_log_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PYTHON", ("/bin/sh", "-c", 'echo "$4" >&2; exit 2'))
    begun = RealCompiling(Path("gateway.yaml"), 2, known_log="/the log")
    begun._process.wait(5.0)
    told = begun.result()
    assert told is not None
    assert told.complaints == ["/the log"]


def test_a_compilation_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_now()
    compiling(FAILS, monkeypatch, handover=b"handover")
    assert open_now() == before


def test_one_that_takes_too_long_is_said_whatever_it_has_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PYTHON", ("/bin/sh", "-c", "exec sleep 60"))
    begun = RealCompiling(Path("gateway.yaml"), 2)
    begun.end()
    begun._process.wait(5.0)
    told = begun.result()
    assert told is not None
    assert (told.snapshot, told.complaints) == (
        None,
        ["it took longer than 30 s: does it name a pipe, or a disk that hangs?"],
    )


OF_ANOTHER = [
    b"",
    b"\xc1",
    msgspec.msgpack.encode({"another": 1}),
    msgspec.msgpack.encode(kept.Compiled(data=b"\xc1", sealed=b"")),
    msgspec.msgpack.encode(kept.Compiled(data=msgspec.msgpack.encode([1]), sealed=b"")),
]


@pytest.mark.parametrize("data", OF_ANOTHER)
def test_what_another_version_has_compiled_is_a_complaint(data: bytes) -> None:
    told = _read(data, "do this")
    assert (told.snapshot, told.data, len(told.complaints)) == (None, b"", 1)
    assert told.complaints[0].startswith("another version is installed than the one that runs (")
    assert told.complaints[0].endswith("): do this")


@pytest.mark.parametrize(
    ("handover", "advice"),
    [(b"", "): `tta-gateway upgrade`"), (b"all", "; stop it, and start anew")],
)
def test_an_upgrade_that_cannot_be_is_not_the_advice_where_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, handover: bytes, advice: str
) -> None:
    monkeypatch.setattr(module, "PYTHON", ("/bin/true",))
    begun = RealCompiling(Path("gateway.yaml"), 2, handover=handover)
    begun._process.wait(5.0)
    told = begun.result()
    assert told is not None
    assert told.complaints[0].endswith(advice)


def test_what_was_compiled_is_the_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    good = newer()
    file = tmp_path / "compiled"
    file.write_bytes(msgspec.msgpack.encode(kept.Compiled(data=good.data, sealed=good.sealed)))
    # The third argument is the number of the file that the result goes to.
    assert compiling(f'cat {file} >"/proc/self/fd/$3"', monkeypatch) == good


def test_a_compiler_that_dies_without_a_word_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiling(DIES, monkeypatch) == Compiled(None, b"", b"", ["the compiler died"])


def test_a_compiler_that_is_still_at_it_has_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PYTHON", ("/bin/sh", "-c", "exec sleep 60"))
    begun = RealCompiling(Path("gateway.yaml"), 2)
    assert begun.result() is None
    begun._process.kill()
    begun._process.wait(5.0)
    assert begun.result() is not None


# The configuration


class Compiling:
    """A compilation that ends when the test says so."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.becomes: Compiled | None = None
        self.ended = 0

    def end(self) -> None:
        self.ended += 1

    def result(self) -> Compiled | None:
        return self.becomes


class House:
    """A configuration in force, and all that has happened to it."""

    def __init__(self, file: Path) -> None:
        self.clock = FakeClock()
        self.begun: list[Compiling] = []
        self.events: list[tuple[str, object]] = []
        self.accepted: list[tuple[bytes, bytes]] = []
        self.reload = Reload(
            BEFORE,
            watch=FileWatch(lambda: stamp_of(file)),
            compiling=cast("Callable[[int], Any]", self._compile),
            clock=self.clock.monotonic,
            log=cast("Any", self),
            accepted=lambda data, sealed: self.accepted.append((data, sealed)),
        )

    refuse = False

    def _compile(self, version: int) -> Compiling:
        if self.refuse:
            raise OSError(11, "no more")
        self.begun.append(Compiling(version))
        return self.begun[-1]

    def event(self, name: str, **fields: object) -> None:
        self.events.append((name, *fields.values()))  # type: ignore[arg-type]

    def end(self, compiled: Compiled) -> None:
        self.begun[-1].becomes = compiled
        self.reload.reap()


@pytest.fixture
def house(tmp_path: Path) -> House:
    file = tmp_path / "gateway.yaml"
    file.write_text("a")
    return House(file)


def test_what_is_good_takes_the_place_of_what_was(house: House) -> None:
    house.reload.ask()
    good = newer()
    house.end(good)
    assert (house.accepted, house.events) == (
        [(good.data, b"sealed")],
        [("configuration_accepted", 2)],
    )
    assert house.reload.snapshot == good.snapshot


def test_what_is_bad_changes_nothing_and_is_said(house: House) -> None:
    house.reload.ask()
    house.end(Compiled(None, b"", b"", ["gateway.yaml:1:1 routes: no"]))
    assert (house.accepted, house.reload.snapshot) == ([], BEFORE)
    assert house.events == [("configuration_refused", ["gateway.yaml:1:1 routes: no"])]
    assert house.reload.complaints == ["gateway.yaml:1:1 routes: no"]


def test_of_very_many_mistakes_the_first_are_said(house: House) -> None:
    house.reload.ask()
    house.end(Compiled(None, b"", b"", ["no"] * 3000))
    assert len(house.reload.complaints) == 51
    assert house.events == [("configuration_refused", house.reload.complaints)]


def test_what_cannot_change_is_refused_whole(house: House) -> None:
    house.reload.ask()
    house.end(newer(workers=7))
    assert (house.accepted, house.reload.snapshot) == ([], BEFORE)
    assert house.events[0][0] == "configuration_refused"


def test_a_good_one_takes_the_complaints_away(house: House) -> None:
    house.reload.ask()
    house.end(Compiled(None, b"", b"", ["no"]))
    house.reload.ask()
    house.end(newer())
    assert house.reload.complaints == []


def test_what_is_asked_meanwhile_is_done_once_more_afterwards(house: House) -> None:
    for _ in range(3):
        house.reload.ask()
    assert len(house.begun) == 1
    house.end(newer())
    assert [one.version for one in house.begun] == [2, 3]
    house.end(newer(3))
    assert len(house.begun) == 2


def test_a_compiler_that_cannot_be_started_is_said(house: House) -> None:
    house.refuse = True
    house.reload.ask()
    assert house.reload.complaints == ["the compiler cannot be started: no more"]
    house.refuse = False
    house.reload.ask()
    house.end(newer())
    assert house.reload.complaints == []


def test_nothing_is_taken_while_nothing_has_come(house: House) -> None:
    house.reload.reap()
    house.reload.ask()
    house.reload.reap()
    assert (house.accepted, house.events) == ([], [])


def test_a_file_that_has_changed_is_compiled(house: House, tmp_path: Path) -> None:
    house.reload.tick()
    (tmp_path / "gateway.yaml").write_text("another")
    house.reload.tick()
    assert (house.begun, house.reload.is_waiting) == ([], True)
    house.clock.advance(STILL)
    house.reload.tick()
    assert (len(house.begun), house.reload.is_waiting) == (1, False)


def test_a_compiler_that_takes_too_long_is_ended_once(house: House) -> None:
    house.reload.ask()
    house.clock.advance(LONGEST)
    house.reload.tick()
    ended = [house.begun[0].ended]
    house.clock.advance(0.1)
    for _ in range(3):
        house.reload.tick()
        ended.append(house.begun[0].ended)
    assert ended == [0, 1, 1, 1]


def test_the_next_compiler_has_all_of_its_time(house: House) -> None:
    house.reload.ask()
    house.clock.advance(LONGEST - 1.0)
    house.end(newer())
    house.reload.ask()
    house.clock.advance(LONGEST - 1.0)
    house.reload.tick()
    assert [one.ended for one in house.begun] == [0, 0]


def test_it_says_whether_a_file_is_being_compiled(house: House) -> None:
    told = [house.reload.is_compiling]
    house.reload.ask()
    told.append(house.reload.is_compiling)
    house.end(newer())
    told.append(house.reload.is_compiling)
    assert told == [False, True, False]
