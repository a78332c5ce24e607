"""A real BIND, on loopback, with one zone that tests may change."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Final

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.update

from tests.helpers.gateway import free_port
from tests.helpers.slow import wait_until

ZONE: Final = "tta.test"
_START: Final = 15.0
_CONFIG: Final = """
options {{
  directory "{folder}"; pid-file "{folder}/pid"; session-keyfile "{folder}/session";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; empty-zones-enable no; notify no;
}};
controls {{ }};
zone "{zone}" {{ type primary; file "zone"; allow-update {{ 127.0.0.1; }}; }};
"""
_RECORDS: Final = """$TTL 1
@ IN SOA ns.{zone}. root.{zone}. 1 60 60 60 1
@ IN NS ns
ns IN A 127.0.0.1
"""


class NamedServer:
    """One server."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self.port = free_port()
        self._folder = folder
        (folder / "named.conf").write_text(_CONFIG.format(folder=folder, port=self.port, zone=ZONE))
        (folder / "zone").write_text(_RECORDS.format(zone=ZONE))
        self._process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        found = which("named", path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert found, "there is no named: make test installs bind9"
        with (self._folder / "log").open("a") as log:
            process = subprocess.Popen(
                [found, "-g", "-n", "1", "-c", str(self._folder / "named.conf")],
                stdout=log,
                stderr=log,
            )
        assert wait_until(self.answers, _START), (self._folder / "log").read_text()
        return process

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether it does."""
        query = dns.message.make_query(f"ns.{ZONE}", "A")
        try:
            answer = dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.5)
        except (OSError, dns.exception.Timeout):
            return False
        return len(answer.answer) == 1

    def put(self, name: str, kind: str, *values: str, ttl: int = 1) -> None:
        """Have a name of the zone hold these records of a kind from now on, and no others."""
        update = dns.update.UpdateMessage(ZONE)
        update.delete(name, kind)
        for value in values:
            update.add(name, ttl, kind, value)
        answer = dns.query.tcp(update, "127.0.0.1", port=self.port, timeout=5)
        assert answer.rcode() == dns.rcode.NOERROR

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """Start it anew, with its data."""
        self._process = self._started()


@contextlib.contextmanager
def named_server(folder: Path) -> Iterator[NamedServer]:
    """Have one for a while."""
    folder.mkdir(exist_ok=True)
    server = NamedServer(folder)
    try:
        yield server
    finally:
        server.kill()
