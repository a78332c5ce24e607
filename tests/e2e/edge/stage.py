"""A stage for a test: the shipped command between scripted upstreams and clients."""

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from tests.helpers.clients import Client, chunk, chunked_post
from tests.helpers.gateway import Gateway, free_port, start_gateway
from tests.helpers.http_service import Service
from tests.helpers.scripted_upstream import Script, ScriptedUpstream
from tests.helpers.slow import descriptors, wait_until, workers_of

UNEXPECTED: Final = ("Traceback", "Fatal error", "exchange_failed", "task_died")
"""What the log of a gateway never holds."""
NO_RECORDS: Final[Mapping[str, object]] = {"error_records": {"enabled": False}}
"""Of errors, which hold descriptors of their own: for tests that count them."""
_REACHED: Final = '"event":"valkey_reached"'
_UNREAD: Final = {"mode": "off", "reason": "about how bodies pass, not what they say"}
Lines = list[dict[str, object]]
Route = dict[str, object]


@dataclass(frozen=True, slots=True)
class Stage:
    """A running gateway and the upstream of its service `up`."""

    gateway: Gateway
    upstream: ScriptedUpstream
    access_log: Path

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self.gateway.port

    @property
    def worker(self) -> int:
        """The process that serves."""
        (pid,) = workers_of(self.gateway.process.pid)
        return pid

    def rest(self) -> None:
        """Wait until the workers have reached their stores: a while after they serve."""
        wanted = 2 * len(workers_of(self.gateway.process.pid))
        assert wait_until(lambda: self.gateway.log.read_text().count(_REACHED) >= wanted)

    def held(self) -> int:
        """How many descriptors the worker holds when nothing goes on."""
        self.rest()
        return descriptors(self.worker)

    def client(self, *, source: str = "127.0.0.1", receive_buffer: int | None = None) -> Client:
        """Connect."""
        return Client(self.port, source=source, receive_buffer=receive_buffer)

    def on(self, script: Script, *, under: bytes = b"/") -> bytes:
        """Have the upstream follow the script; return the target that leads to it."""
        return self.upstream.on(script, under=under)

    def lines(self, target: bytes, *, count: int = 1, patience: float = 3.0) -> Lines:
        """Lines of the access log about a target, once there are so many (or time is up)."""
        found: Lines = []

        def has_come() -> bool:
            found[:] = [one for one in self.all_lines() if one["path"] == target.decode()]
            return len(found) >= count

        wait_until(has_come, patience)
        return found

    def all_lines(self) -> Lines:
        """All whole lines of the access log."""
        text = self.access_log.read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]

    def events(self, *names: str) -> list[dict[str, Any]]:
        """All events of these names that the log tells, or of all where none is given."""
        text = self.gateway.log.read_text()
        said = [json.loads(line) for line in text.splitlines() if line.startswith('{"ts"')]
        return [one for one in said if not names or one["event"] in names]

    @contextlib.contextmanager
    def under_way(self) -> Iterator[Callable[[], None]]:
        """An upload that has begun, so that its client stays; yield what ends it."""
        target = self.on(lambda call: call.answer(call.body()))

        def end() -> None:
            uploading.send(chunk(b"ended") + chunk(b""))
            assert uploading.answer().body == b"begun and ended"

        with self.client() as uploading:
            uploading.send(chunked_post(target) + chunk(b"begun and "))
            assert wait_until(lambda: self.upstream.calls(target) == 1)
            yield end

    @contextlib.contextmanager
    def asked_on(self, target: bytes, *, clients: int) -> Iterator[list[int]]:
        """Clients that ask again as soon as they have an answer; yield the status of each."""
        statuses: list[int] = []
        stop = threading.Event()

        def ask_on() -> None:
            with self.client() as client:
                while not stop.is_set():
                    statuses.append(client.get(target).status)

        threads = [threading.Thread(target=ask_on) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield statuses
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def routes(*special: Mapping[str, object], service: str = "up") -> list[Route]:
    """Routes to the service: for every path, and special ones under paths of their own.

    Nobody looks at bodies there, which would hold them: these are about how they pass.
    """
    plain = {"service": service, "auth": "none", "safety": _UNREAD}
    return [{**plain, **one} for one in ({"path": "/{rest:path}"}, *special)]


def unheard(*special: Mapping[str, object]) -> list[Route]:
    """Routes whose WebSockets are passed on unread: nobody listens to what is said there."""
    off = {"mode": "off", "reason": "bytes, and no words"}
    return [{**one, "safety": off} for one in routes(*special)]


@contextlib.contextmanager
def stage(
    tmp_path: Path,
    *special: Mapping[str, object],
    upstream: ScriptedUpstream,
    **more: object,
) -> Iterator[Stage]:
    """Run a gateway with a service `up` and these special routes, and whatever else is given.

    `under` is a command that runs it.  Whatever clients and services do to it, it prints no
    surprise.
    """
    under = cast("Sequence[str]", more.pop("under", ()))
    log = tmp_path / "access.log"
    config = {
        "listen": f"127.0.0.1:{free_port()}",
        "state_dir": str(tmp_path / "state"),
        "access_log": {"path": str(log), "paths": "whole"},
        "services": {"up": {"endpoints": [upstream.url]}},
        "routes": routes(*special),
        **more,
    }
    gateway = start_gateway(config, tmp_path, under=under)
    try:
        yield Stage(gateway, upstream, log)
    finally:
        gateway.stop()
    printed = gateway.log.read_text(errors="replace")
    assert [word for word in UNEXPECTED if word in printed] == [], printed[-4000:]


@contextlib.contextmanager
def players_stage(
    tmp_path: Path, players: Sequence[Service], settings: Mapping[str, object], **more: object
) -> Iterator[Stage]:
    """Run a gateway before these endpoints of the service `players`, and nothing else."""
    service = {"endpoints": [one.url for one in players], **settings}
    with (
        scripted() as upstream,
        stage(
            tmp_path,
            upstream=upstream,
            services={"players": service},
            routes=routes(service="players"),
            **more,
        ) as one,
    ):
        yield one


@contextlib.contextmanager
def scripted(
    *, unix: Path | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedUpstream]:
    """An upstream whose scripts must not fail; on a unix socket, little is on its way at a time."""
    with ScriptedUpstream(unix=unix, tls=tls) as upstream:
        yield upstream
    assert upstream.faults == []


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


def times(count: int, measure: Callable[[], float]) -> float:
    """The median of so many measurements."""
    return median([measure() for _ in range(count)])
