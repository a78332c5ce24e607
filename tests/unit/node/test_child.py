"""A child and its channel; the programs here are a shell's, which begins in a moment."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.helpers.descriptors import open_now
from tta_gateway.node import child as module
from tta_gateway.node.child import LAST, Adopted, Child, Said, file_of, give, hear, start, tell_last

PATIENCE = 5.0  # seconds, for a shell on a busy machine
TELLS = """\
snapshot=$1
exec 1>&"$2"
echo "$@"
cat "/proc/self/fd/$snapshot"
"""


# Starting


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Have modules be programs of a shell; this one tells what it was given."""
    file = tmp_path / "tells"
    file.write_text(TELLS)
    monkeypatch.setattr(module, "PYTHON", ("bash",))
    return str(file)


def told(child: Child) -> list[bytes]:
    """Everything that a child says on its channel until it has ended."""
    child.channel.settimeout(PATIENCE)
    said = list(iter(lambda: child.channel.recv(4096), b""))
    child.channel.close()
    cast("Any", child.process).wait(PATIENCE)
    return said


def test_a_child_gets_its_data_its_words_and_its_descriptors_by_number(program: str) -> None:
    read, write = os.pipe()
    given, data = told(start(program, data=b"snapshot", fds=[read, write], words=["7"]))
    assert given.split(b" ", 2)[2] == b"%d 7 %d %d\n" % (os.getpid(), read, write)
    assert data == b"snapshot"
    os.close(read)
    os.close(write)


def test_our_end_of_the_channel_never_blocks(program: str) -> None:
    child = start(program, data=b"")
    assert not child.channel.getblocking()
    told(child)


def test_a_child_counts_in_no_segment_unless_that_is_said(program: str) -> None:
    child = start(program, data=b"")
    assert child.segment == -1
    told(child)


def test_nothing_but_our_end_of_the_channel_stays_open(program: str) -> None:
    before = open_now()
    child = start(program, data=b"snapshot")
    assert open_now() == before + 1
    told(child)


def test_a_start_that_fails_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PYTHON", ("/nowhere/python",))
    before = open_now()
    with pytest.raises(OSError, match="/nowhere/python"):
        start("any", data=b"snapshot")
    assert open_now() == before


# A file without a name


def test_a_file_holds_the_data_from_its_beginning() -> None:
    fd = file_of(b"snapshot")
    assert (os.read(fd, 100), os.get_inheritable(fd)) == (b"snapshot", False)
    os.close(fd)


def test_what_is_given_arrives_as_a_file_and_says_what_it_is() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = open_now()
    give(ours, b"snapshot", b"newer")
    word, (fd,), _, _ = socket.recv_fds(theirs, 64, 1)
    assert (word, os.read(fd, 100), open_now()) == (b"snapshot", b"newer", before + 1)
    os.close(fd)
    ours.close()
    theirs.close()


def test_who_does_not_take_it_is_an_error_and_costs_no_descriptor() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    before = open_now()
    with pytest.raises(OSError, match=r"pipe|reset"):
        give(ours, b"snapshot", b"newer")
    assert open_now() == before
    ours.close()


def test_a_worker_is_told_that_none_follows_it() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        tell_last(Child(cast("Any", None), ours))
        assert theirs.recv(64) == LAST


def test_that_none_follows_is_no_harm_where_nobody_hears_it() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    with ours:
        tell_last(Child(cast("Any", None), ours))


# One that was started before


def begun(*command: str) -> int:
    """A child of this process, known by its id alone."""
    return os.posix_spawn(command[0], command, {})


def ended(pid: int) -> None:
    """Wait until a child has ended, and leave its status to whoever asks."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_child_that_lives_has_no_status() -> None:
    adopted = Adopted(begun("/bin/sleep", "60"))
    assert (adopted.poll(), adopted.returncode) == (None, None)
    adopted.kill()
    ended(adopted.pid)
    adopted.poll()


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -signal.SIGKILL)]
)
def test_a_child_that_has_ended_says_how_and_goes_on_saying_it(script: str, status: int) -> None:
    adopted = Adopted(begun("/bin/sh", "-c", script))
    ended(adopted.pid)
    assert (adopted.poll(), adopted.poll(), adopted.returncode) == (status, status, status)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda adopted: adopted.kill(), -signal.SIGKILL),
        (lambda adopted: adopted.send_signal(signal.SIGTERM), -signal.SIGTERM),
    ],
)
def test_a_child_gets_signals(end: Callable[[Adopted], None], status: int) -> None:
    adopted = Adopted(begun("/bin/sleep", "60"))
    end(adopted)
    ended(adopted.pid)
    assert adopted.poll() == status


def test_a_child_that_somebody_else_has_waited_for_has_ended() -> None:
    adopted = Adopted(begun("/bin/true"))
    os.waitpid(adopted.pid, 0)
    assert adopted.poll() == 0


def test_nobody_else_gets_the_signals_of_one_that_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adopted = Adopted(begun("/bin/true"))
    ended(adopted.pid)
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: sent.append(pid))
    adopted.send_signal(signal.SIGTERM)
    adopted.kill()
    assert sent == []


def test_a_child_says_a_word_a_version_and_what_belongs_to_it() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        child = Child(cast("Any", None), ours)
        theirs.send(b"applied 7")
        give(theirs, b"live", b"found")
        before = open_now()
        assert [hear(child), hear(child)] == [Said(b"applied", 7), Said(b"live", 0, b"found")]
        assert open_now() == before
        theirs.close()
        assert hear(child) is None


def test_whatever_a_child_says_is_no_harm() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read, write = os.pipe()
    with ours, theirs:
        child = Child(cast("Any", None), ours)
        for word in (b"ready soon", b"ready -1", b"\xff \xff", b" "):
            theirs.send(word)
        socket.send_fds(theirs, [b"live"], [read])
        os.close(read)
        said = [hear(child) for _ in range(5)]
        assert [(one.word, one.version, one.data) for one in said if one is not None] == [
            (b"ready", 0, b""),
            (b"ready", 0, b""),
            (b"\xff", 0, b""),
            (b"", 0, b""),
            (b"live", 0, b""),
        ]
    with pytest.raises(BrokenPipeError):
        os.write(write, b"nobody has its other end any more")
    os.close(write)
