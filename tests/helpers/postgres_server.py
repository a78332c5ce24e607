"""A real PostgreSQL on loopback, for tests."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Final

from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until

USER: Final = "gateway"
PASSWORD: Final = "a word of the test"
NAME: Final = "gateway"
_START: Final = 30.0
_ACCOUNT: Final = "postgres"  # Debian's package makes it; the server refuses to run as root


def _program(name: str) -> str:
    """The program of the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, "there is no PostgreSQL: make test installs it"
    return str(found[-1])


class PostgresServer:
    """A server with a database and a user; `folder` must be open to its account."""

    def __init__(self, folder: Path) -> None:
        """Make the database and start the server."""
        self.folder = folder
        self.port = free_port()
        self._as = {"user": _ACCOUNT, "group": pwd.getpwnam(_ACCOUNT).pw_gid}
        if os.geteuid() != 0:
            self._as = {}
        else:
            shutil.chown(folder, _ACCOUNT)
        word = folder / "word"
        word.write_text(PASSWORD)
        self._run(
            "initdb", "-D", self._data, "-U", USER, "--pwfile", str(word), "-A", "scram-sha-256"
        )
        self._process = self._started()
        self._run(
            *("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, NAME),
            PGPASSWORD=PASSWORD,
        )

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def url(self) -> str:
        """Where it is, for an operator's configuration."""
        word = PASSWORD.replace(" ", "%20")
        return f"postgresql://{USER}:{word}@127.0.0.1:{self.port}/{NAME}"

    def dumped(self) -> bytes:
        """Return whatever stands in all tables, as statements; bytes are in hexadecimal."""
        return self._run(
            *("pg_dump", "--data-only", "--inserts", "-h", "127.0.0.1", "-p", str(self.port)),
            *("-U", USER, NAME),
            PGPASSWORD=PASSWORD,
        )

    def _run(self, program: str, *arguments: str, **environment: str) -> bytes:
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            [_program(program), *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
            **self._as,  # type: ignore[call-overload]
        )
        return done.stdout

    def _started(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [
                    *(_program("postgres"), "-D", self._data, "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-k", str(self.folder)),
                    *("-c", "fsync=off", "-c", "max_connections=40"),
                ],
                cwd=self.folder,
                stderr=log,
                **self._as,  # type: ignore[call-overload]
            )
        assert wait_until(self.answers, _START), (self.folder / "log").read_text()
        return process

    def answers(self) -> bool:
        """Whether it takes connections: it does from the moment at which it says so."""
        if "ready to accept connections" not in (self.folder / "log").read_text():
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it at once, as a machine that fails does."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)

    def start_again(self) -> None:
        """Start it where it was."""
        (self.folder / "log").write_text("")
        self._process = self._started()

    def stop(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self.kill()
