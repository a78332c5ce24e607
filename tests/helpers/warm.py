"""A process that has imported what `tta-gateway run` imports, and begins runs as our own children.

A third of a start is the import of what reads the configuration, the same each time.  What
this begins is a fork of it that goes on as the command does from there: it reads the configuration
and becomes the supervisor by exec, which imports anew, as do workers, control and guard.
"""

import array
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, Final, NoReturn

_CLONE: Final = 56 if os.uname().machine == "x86_64" else 220  # clone(2)
_PARENT: Final = 0x8000  # CLONE_PARENT: whoever has started this process is the parent
_MOST: Final = 1 << 20  # bytes of a request
_IMPORTED: Final = (
    "tta_gateway.cli.entry",
    *(f"tta_gateway.settings.{one}" for one in ("called", "expiry", "exposure", "load", "trust")),
    *(f"tta_gateway.node.{one}" for one in ("beginning", "log_path", "supervisor_main")),
    "tta_gateway.snapshot.sealed",
)
"""What `run` imports on its way (cli/serve.py, cli/configured.py)."""


class Started(subprocess.Popen[str]):
    """A child of ours that somebody else has begun, as Popen would have it."""

    def __init__(self, pid: int, stdout: IO[str], args: list[str]) -> None:  # begins nothing
        self.args = args
        self.pid = pid
        self.returncode = None
        self.stdin, self.stdout, self.stderr = None, stdout, None
        self._child_created = True
        self._waitpid_lock = threading.Lock()
        self._sigint_wait_secs = 0.25


class Warm:
    """The process, of one who starts gateways; it ends with them."""

    def __init__(self) -> None:
        self._python = _python()
        self._turn = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self._ours.setsockopt(socket.SOL_SOCKET, option, _MOST)
        with theirs:
            fd = theirs.fileno()
            command = [sys.executable, "-m", "tests.helpers.warm", str(fd)]
            self._process = subprocess.Popen(command, pass_fds=[fd], stdin=subprocess.DEVNULL)

    @property
    def serves(self) -> bool:
        """Whether what it begins is what Python would begin now."""
        return self._process.poll() is None and self._python == _python()

    def begin(self, args: list[str], errors: int) -> Started:
        """Run the command with these words; its errors go to this descriptor."""
        reading, writing = os.pipe()
        try:
            said = json.dumps({"args": args, "env": dict(os.environ), "cwd": str(Path.cwd())})
            fds = array.array("i", [writing, errors])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
            with self._turn:
                self._ours.sendmsg([said.encode()], rights)
                pid = int(self._ours.recv(64))
        finally:
            os.close(writing)
        return Started(pid, os.fdopen(reading), args)


def _python() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}


# --- the process ---


def main() -> None:
    """Import, and begin what is asked for until nobody can ask any more."""
    for name in _IMPORTED:
        import_module(name)
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _MOST)
        while True:
            said, fds, _, _ = socket.recv_fds(asked, _MOST, 2)
            if not said:
                return
            pid = _forked()
            if pid == 0:
                asked.close()
                _run(json.loads(said), fds)
            for fd in fds:
                os.close(fd)
            asked.send(b"%d" % pid)


def _forked() -> int:
    """Fork; the child is one of whoever has started this process.  It has but this thread."""
    pid = ctypes.CDLL(None).syscall(_CLONE, _PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    if pid < 0:
        raise OSError("clone(2) has failed")
    return int(pid)


def _run(said: dict[str, object], fds: list[int]) -> NoReturn:
    """Go on as the command would."""
    os.setsid()
    for number, fd in enumerate(fds, start=1):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(str(said["cwd"]))
    env, args = said["env"], said["args"]
    assert isinstance(env, dict)
    assert isinstance(args, list)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["tta-gateway", *args]
    from tta_gateway.cli.entry import main as command

    status = 1
    try:
        command()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
