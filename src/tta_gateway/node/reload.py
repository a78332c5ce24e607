"""Reload: a new configuration is compiled by a process of its own; a bad one changes nothing.

Asked for by SIGHUP, or by a change of the file, or of one that a secret stands in, that has been
still for half a second.  What belongs
to the supervisor's whole life (addresses, state folder, number of workers) cannot change: a file
that changes it is refused in words.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tta_gateway.node.child import PYTHON, file_of
from tta_gateway.node.complaints import few
from tta_gateway.node.looking import Looking
from tta_gateway.snapshot import kept
from tta_gateway.snapshot.encode import decode
from tta_gateway.snapshot.model import SecretFile, Snapshot
from tta_gateway.support.file_stamp import FileStamp
from tta_gateway.support.log import EventLog

LONGEST: Final = 30.0  # seconds, for a compiler
STILL: Final = 0.5  # seconds that a file must not have changed
_UPGRADE: Final = "`tta-gateway upgrade`"
_START: Final = "it cannot become that one; stop it, and start anew"
_FOR_LIFE: Final[dict[str, Callable[[Snapshot], object]]] = {
    "listen": lambda snapshot: [(one.host, one.port, one.unix) for one in snapshot.listeners],
    "admin": lambda snapshot: snapshot.admin,
    "probe": lambda snapshot: snapshot.probe,
    "state_dir": lambda snapshot: Path(snapshot.state_dir).resolve(),
    "workers": lambda snapshot: snapshot.workers,
    "valkey, valkey_url or cache_url": lambda snapshot: snapshot.embedded,
}


def refused(before: Snapshot, after: Snapshot) -> list[str]:
    """Return why the new configuration cannot take the old one's place, one sentence each."""
    return [
        f"{key}: cannot change while the gateway runs: start it anew"
        for key, of in _FOR_LIFE.items()
        if of(before) != of(after)
    ]


class Watch(Protocol):
    """Looks whether what a configuration is made of has changed; time is an argument."""

    def has_changed(self, now: float) -> bool:
        """Tell, once, that it is another and has been still for a while."""

    @property
    def is_waiting(self) -> bool:
        """Tell whether a change has been seen that is not told yet."""


class FileWatch:
    """Watches one file."""

    def __init__(
        self, stamp: Callable[[], FileStamp | None], known: FileStamp | None = None
    ) -> None:
        """Take the file as it is now for known, or as it was when it was read."""
        self._stamp = stamp
        self._known = self._seen = known or stamp()
        self._since = 0.0

    def has_changed(self, now: float) -> bool:
        """Tell, once, that the file is another and has been still for a while."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen, self._since = stamp, now
        if stamp is None or stamp == self._known or now - self._since < STILL:
            return False
        self._known = stamp
        return True

    @property
    def is_waiting(self) -> bool:
        """Tell whether a change has been seen that is not told yet; one that is gone is none."""
        return self._seen not in (None, self._known)


class Watches:
    """Watches the file of a configuration, and those that its secrets stand in."""

    def __init__(self, file: Path, known: FileStamp | None, looking: Looking) -> None:
        """Begin without secrets; `known` is the file as it was when it was read."""
        self._file = file
        self._looking = looking
        self._own = FileWatch(partial(looking.stamp, file), known)
        self._secrets: list[FileWatch] = []
        looking.watch([file])

    def adopt(self, files: Sequence[SecretFile]) -> None:
        """Watch these from now on, each since it was read."""
        look = self._looking.stamp
        self._secrets = [FileWatch(partial(look, Path(file.path)), file.stamp) for file in files]
        self._looking.watch([self._file, *(Path(file.path) for file in files)])

    def has_changed(self, now: float) -> bool:
        """Tell, once, that one of them has changed and been still for a while."""
        self._looking.tick(hurry=self._is_unsettled)
        changed = [watch.has_changed(now) for watch in (self._own, *self._secrets)]
        return any(changed)

    @property
    def is_waiting(self) -> bool:
        """Tell whether a change has been seen that is not told yet, or may be seen soon."""
        return self._is_unsettled or self._looking.is_under_way

    @property
    def _is_unsettled(self) -> bool:
        return any(watch.is_waiting for watch in (self._own, *self._secrets))


@dataclass(frozen=True, slots=True)
class Compiled:
    """What has become of a configuration: a snapshot, or the reasons why there is none."""

    snapshot: Snapshot | None
    data: bytes
    sealed: bytes
    complaints: list[str]


class Compiling:
    """A configuration that is being compiled; the end of its process is told by a signal."""

    def __init__(
        self, file: Path, version: int, *, known_log: str = "", handover: bytes = b""
    ) -> None:
        """Start; with a `handover`, all of the code that is installed now is tried as well.

        That is what it would be given to take over.  `known_log` is the access log in force, which
        is not tried.
        """
        self._late = False
        self._advice = _START if handover else _UPGRADE
        self._out = os.memfd_create("snapshot", os.MFD_CLOEXEC)
        self._said = os.memfd_create("complaints", os.MFD_CLOEXEC)
        module = "preflight_main" if handover else "compile_main"
        given = [file_of(handover)] if handover else []
        fds = [self._out, *given]
        words = [str(file), str(version), *map(str, fds), known_log]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*PYTHON, f"tta_gateway.node.{module}", *words],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stderr=self._said,
            )
        except OSError:
            os.close(self._out)
            os.close(self._said)
            raise
        finally:
            for fd in given:
                os.close(fd)

    def end(self) -> None:
        """End it: it takes too long."""
        self._late = True
        self._process.kill()

    def result(self) -> Compiled | None:
        """Return what has become of it, once; None while it is under way."""
        if self._process.poll() is None:
            return None
        data, said = _taken(self._out), _taken(self._said).decode(errors="replace")
        if self._late:
            said = f"it took longer than {LONGEST:g} s: does it name a pipe, or a disk that hangs?"
        elif self._process.returncode == 0:
            return _read(data, self._advice)
        return Compiled(None, b"", b"", said.splitlines() or ["the compiler died"])


def _read(data: bytes, advice: str) -> Compiled:
    """Return what a compiler has written, which may be one of another version by now."""
    try:
        both = msgspec.msgpack.decode(data, type=kept.Compiled)
        return Compiled(decode(both.data), both.data, both.sealed, [])
    except msgspec.MsgspecError as error:
        why = f"another version is installed than the one that runs ({error}): {advice}"
        return Compiled(None, b"", b"", [why])


def _taken(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read()


class Reload:
    """The configuration in force, and what becomes of the next one."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        watch: Watch,
        compiling: Callable[[int], Compiling],
        clock: Callable[[], float],
        log: EventLog,
        accepted: Callable[[bytes, bytes], None],
    ) -> None:
        """Begin with what is in force.

        `compiling` starts to compile as a version; `accepted` gets each one that takes its place,
        encoded, and the same sealed.
        """
        self.snapshot = snapshot
        self.complaints: list[str] = []
        self._watch = watch
        self._start = compiling
        self._clock = clock
        self._log = log
        self._accepted = accepted
        self._compiling: Compiling | None = None
        self._again = False
        self._until = 0.0

    def tick(self) -> None:
        """Look at the file, and whether a compiler takes too long."""
        now = self._clock()
        if self._compiling is not None and now > self._until:
            self._until = now + LONGEST
            self._compiling.end()
        if self._watch.has_changed(now):
            self.ask()

    @property
    def is_waiting(self) -> bool:
        """Tell whether a change of the file has to be still for a little longer."""
        return self._watch.is_waiting

    def end(self) -> None:
        """Read nothing more: the gateway ends."""
        if self._compiling is not None:
            self._compiling.end()

    @property
    def is_compiling(self) -> bool:
        """Tell whether a configuration is being compiled."""
        return self._compiling is not None

    def ask(self) -> None:
        """Compile the file; once more afterwards if that is asked while it is under way."""
        if self._compiling is not None:
            self._again = True
            return
        self._until = self._clock() + LONGEST
        try:
            self._compiling = self._start(self.snapshot.version + 1)
        except OSError as error:
            self._take(
                Compiled(None, b"", b"", [f"the compiler cannot be started: {error.strerror}"])
            )

    def reap(self) -> None:
        """Take what has been compiled, if it has."""
        if self._compiling is None:
            return
        compiled = self._compiling.result()
        if compiled is None:
            return
        self._compiling = None
        self._take(compiled)
        if self._again:
            self._again = False
            self.ask()

    def _take(self, compiled: Compiled) -> None:
        after = compiled.snapshot
        self.complaints = few(
            compiled.complaints if after is None else refused(self.snapshot, after)
        )
        if after is None or self.complaints:
            self._log.event("configuration_refused", complaints=self.complaints)
            return
        self.snapshot = after
        self._log.event("configuration_accepted", version=after.version)
        self._accepted(compiled.data, compiled.sealed)
