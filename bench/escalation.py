"""From a request or frame until people are told: `PYTHONPATH=. python bench/escalation.py`.

People who have no incident yet write that they are at risk, by REST and through the hub.  In turns
there is nothing else; 200 logins a second; and these with control killed as soon as it has lived
for half a second.  The gateway is the one that is installed, in a process group of its own.
"""

import argparse
import asyncio
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias
from urllib.request import Request, urlopen

import machine
import paced
import process
import report
from alone import Alone, quiet
from paced import monotonic
from process import BenchError
from websockets.asyncio.client import ClientConnection, connect

from tests.helpers.escalated import Escalated, escalated
from tests.helpers.gateway import free_port
from tests.helpers.hub_stage import CHANNELS, issuer, token
from tests.helpers.slow import companion_of, wait_until

PACE: Final = 10
"""people a second, of each way"""
SECONDS: Final = 10
ROUNDS: Final = 3
LOGINS: Final = 200
USERS: Final = 20
LIVES: Final = 0.5
"""seconds that control lives"""
MOST: Final = 200
"""logins under way at once"""
TRIES: Final = 4
PATIENCE: Final = 20.0
"""seconds for which a quiet machine is waited for, at a time"""
DISTURBED: Final = 0.05
BAR: Final = 50.0
"""milliseconds"""
PASSWORD: Final = "a bench's password"  # noqa: S105 - of nobody
CRISIS: Final = "I want to die."
_PATIENCE: Final = 30.0
_KINDS: Final = ("nothing else", "200 logins/s", "200 logins/s, control in a crash loop")

METHOD: Final = """\
A gateway with two workers, its own stores, and a webhook on loopback as the only contact; {pace}
people a second write by REST, and as many through the hub, each for the first time, so that each
has an incident of their own.  *Durable* is when help has come back: by then the record is on the
disk.  *Told* is when the webhook has the whole of the notice, and is what the bar is about.  Times
count from when a request or frame was written.  Rounds of {seconds} s take turns: nothing else; 200
logins a second (Argon2id, 19 MiB) of 20 users; the same with control killed whenever it has lived
for half a second.  Load, service, webhook and gateway share the machine.  Of a
part of which other processes of the machine took more than {others:.0%} there are up to four tries,
and the least disturbed counts, or none if all were; what died with control is taken for others'.
"""


@dataclass
class Told:
    """When somebody wrote, was helped, and was told of; all in seconds of one clock."""

    wrote: dict[str, float] = field(default_factory=dict)
    helped: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    again: int = 0

    def add(self, other: "Told") -> None:
        """Take what has come of others, too."""
        self.wrote |= other.wrote
        self.helped |= other.helped
        self.told |= other.told
        self.again += other.again

    def durations(self, ends: dict[str, float], way: str) -> list[float]:
        """Return how long it took, in milliseconds, of those who wrote that way."""
        return sorted(
            (ends[who] - at) * 1e3
            for who, at in self.wrote.items()
            if who in ends and way in ("", who.partition("-")[0])
        )

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be the webhook: read a notice, and confirm it."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length))
            now = monotonic()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            who = json.loads(body)["incident"]["person"].rpartition("/")[2]
            self.again += who in self.told
            self.told.setdefault(who, now)
            await writer.drain()
        finally:
            writer.close()


Try: TypeAlias = tuple[float, str, Told]
"""The share of others, what is said of it, and what has come of it."""


async def _serves(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be the service: answer each request with an object."""
    body = b'{"reply":"I am here."}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    try:
        while True:
            asked = await reader.readuntil(b"\r\n\r\n")
            length = asked.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            writer.write(head % len(body) + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def main() -> int:
    """Measure, print, and write the section; 0 where everybody was told of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--pace", type=int, default=PACE)
    parser.add_argument(
        "--others", type=float, default=DISTURBED, help="the share that other processes may have"
    )
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="on the disk that is meant")
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.folder, prefix="escalation_") as name:
        return paced.run(_measured(Path(name), options))


def others_of(tries: list[Try]) -> float:
    """Return the share that others had of the machine in the least disturbed one."""
    return min(others for others, _, _ in tries)


async def _measured(folder: Path, options: argparse.Namespace) -> int:
    all_told = {kind: Told() for kind in _KINDS}
    current = [Told()]
    hook = await asyncio.start_server(lambda r, w: current[0].take(r, w), "127.0.0.1", 0)
    service = await asyncio.start_server(_serves, "127.0.0.1", 0)
    ports = [one.sockets[0].getsockname()[1] for one in (hook, service)]
    with ExitStack() as stack:
        one = await asyncio.to_thread(stack.enter_context, _gateway(folder, *ports))
        await asyncio.to_thread(_users, one)
        notes = []
        for number in range(options.rounds):
            for kind in _KINDS:
                tries: list[Try] = []
                while not tries or (others_of(tries) > options.others and len(tries) < TRIES):
                    await quiet([one.gateway.process.pid], share=options.others, patience=PATIENCE)
                    told, alone = Told(), Alone([one.gateway.process.pid])
                    current[0] = told
                    name = f"{_KINDS.index(kind)}{number}{len(tries)}"
                    said = await _round(one, told, kind, name, options)
                    others = alone.others()
                    p99 = _at(told.durations(told.told, ""), 0.99)
                    said = f"round {number + 1}, {kind}: {said}, others {others:.0%}: {p99} ms"
                    report.note(said)
                    tries.append((others, said, told))
                _, said, told = min(tries, key=lambda found: found[0])
                counts = others_of(tries) <= options.others
                notes.append(said if counts else f"{said}; disturbed, so it does not count")
                if counts:
                    all_told[kind].add(told)
        about = report.facts(machine.description(folder))
        await asyncio.to_thread(one.gateway.stop)
    _publish(all_told, about, notes, options)
    never = sum(len(one.wrote.keys() - one.told.keys()) for one in all_told.values())
    return int(never > 0)


def _gateway(folder: Path, hook: int, service: int) -> Any:  # noqa: ANN401 - a context manager
    own = free_port()
    contacts = {"pager": {"webhook": {"url": f"http://127.0.0.1:{hook}", "unsigned": "a bench"}}}
    lockout = {"account": 10_000, "address": 10_000}
    return escalated(
        folder,
        {"contacts": contacts},
        listen=f"127.0.0.1:{own}",
        workers=2,
        access_log={"path": str(folder / "access.log")},
        connections={"per_address": 4000},
        identity={
            "issuing": {"url": f"http://127.0.0.1:{own}", "lockout": lockout},
            "issuers": [issuer(folder)],
        },
        ratelimit={"own": "off"},
        realtime={"channels": CHANNELS},
        services={"up": {"endpoints": [f"http://127.0.0.1:{service}"]}},
        routes=[{"path": "/said", "service": "up", "auth": "required"}],
    )


def _users(one: Escalated) -> None:
    for number in range(USERS):
        body = {"username": f"user{number}", "password": PASSWORD, "roles": ["player"]}
        fields = {
            "Authorization": f"Bearer {one.admin.token()}",
            "Content-Type": "application/json",
        }
        url = f"http://127.0.0.1:{one.admin._port}/admin/v1/users"  # noqa: SLF001 - of ours

        def made(asked: Request = Request(url, json.dumps(body).encode(), fields)) -> bool:  # noqa: B008
            try:
                with urlopen(asked, timeout=5.0) as told:  # noqa: S310 - likewise
                    return bool(told.status == 201)
            except OSError:
                return False

        if not wait_until(made, _PATIENCE):
            raise BenchError("no users could be made")


async def _round(
    one: Escalated, told: Told, kind: str, name: str, options: argparse.Namespace
) -> str:
    port, logins = one.gateway.port, LOGINS if kind != _KINDS[0] else 0
    over = threading.Event()
    killer = threading.Thread(target=_storm, args=(one.gateway.process.pid, over))
    if kind == _KINDS[2]:
        killer.start()
    heard: Counter[str] = Counter()
    rest, _, _ = await asyncio.gather(
        paced.ask(port, _said(told, name), pace=options.pace, seconds=options.seconds),
        _published(port, told, name, options),
        _logged_in(port, heard, logins, options.seconds),
    )
    over.set()
    if killer.ident:
        killer.join()
    for number, seconds in enumerate(rest.seconds):
        who = f"rest-{name}-{number}"  # in the order of answers; durations alone count
        told.helped[who] = told.wrote.get(who, 0.0) + seconds
    await asyncio.to_thread(wait_until, lambda: told.wrote.keys() <= told.told.keys(), _PATIENCE)
    return f"REST {rest.statuses}, logins {dict(heard)}"


def _storm(pid: int, over: threading.Event) -> None:
    """Kill control whenever it has lived for a while."""
    while not over.wait(LIVES):
        with suppress(FileNotFoundError, ProcessLookupError):
            control = companion_of(pid, "control")
            if control is not None and not over.wait(LIVES):
                os.kill(control, signal.SIGKILL)


def _said(told: Told, name: str) -> Iterator[bytes]:
    body = json.dumps({"text": CRISIS})
    for number in count():
        who = f"rest-{name}-{number}"
        asked = (
            "POST /said HTTP/1.1\r\nHost: api.platform.example\r\n"
            f"Authorization: Bearer {token(who)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        told.wrote[who] = monotonic()
        yield asked


def _login(name: str) -> bytes:
    body = json.dumps({"username": name, "password": PASSWORD})
    return (
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: api.platform.example\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _logged_in(port: int, heard: "Counter[str]", pace: int, seconds: float) -> None:
    """Log in so many times a second, but no more than so many at once: others are not sent."""
    requests = cycle([_login(f"user{number}") for number in range(USERS)])
    begun, under_way = monotonic(), asyncio.Semaphore(MOST)
    async with asyncio.TaskGroup() as group:
        for number in range(int(pace * seconds)):
            await asyncio.sleep(max(0.0, begun + number / pace - monotonic()))
            if under_way.locked():
                heard["not sent"] += 1
            else:
                await under_way.acquire()
                group.create_task(_log_in(port, next(requests), heard, under_way))


async def _log_in(
    port: int, request: bytes, heard: "Counter[str]", under_way: asyncio.Semaphore
) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
        heard[answer[9:12].decode() or "broken off"] += 1
    except OSError:
        heard["broken off"] += 1
    finally:
        under_way.release()


async def _published(port: int, told: Told, name: str, options: argparse.Namespace) -> None:
    """Have people connect to the hub, each a while before they write."""
    begun = monotonic()
    async with asyncio.TaskGroup() as people:
        for number in range(options.pace * options.seconds):
            await asyncio.sleep(max(0.0, begun + number / options.pace - monotonic()))
            people.create_task(_one(port, told, f"hub-{name}-{number}"))


async def _one(port: int, told: Told, who: str) -> None:
    try:
        url = f"ws://127.0.0.1:{port}/connection/websocket"
        async with connect(url, proxy=None, compression=None) as socket:
            await socket.send(json.dumps({"id": 1, "connect": {"token": token(who)}}))
            await socket.recv()
            said = {"channel": f"session:{who}", "data": {"text": CRISIS}}
            frame = json.dumps({"id": 2, "publish": said})
            await asyncio.sleep(0.5)
            told.wrote[who] = monotonic()
            await socket.send(frame)
            await _helped(socket)
            told.helped[who] = monotonic()
    except OSError as error:
        raise BenchError(f"{who}: {error}") from error


async def _helped(socket: ClientConnection) -> None:
    async with asyncio.timeout(_PATIENCE):
        while '"!help"' not in str(await socket.recv()):
            pass


def _at(ordered: list[float], share: float) -> str:
    return f"{ordered[int(len(ordered) * share)]:.1f}" if ordered else "-"


def _publish(
    all_told: dict[str, Told], about: str, notes: list[str], options: argparse.Namespace
) -> None:
    rows, verdicts = [], []
    for kind, told in all_told.items():
        ends: tuple[tuple[str, dict[str, float]], ...] = (
            ("durable", told.helped),
            ("told", told.told),
        )
        for way in ("rest", "hub", ""):
            for what, when in ends:
                found = told.durations(when, way)
                figures = [_at(found, share) for share in (0.5, 0.9, 0.99)]
                most = f"{found[-1]:.1f}" if found else "-"
                rows.append((kind, way or "both", what, str(len(found)), *figures, most))
        found = told.durations(told.told, "")
        p99 = found[int(len(found) * 0.99)] if found else float("inf")
        word = "met" if p99 <= BAR else "not met" if found else "not measured"
        never = len(told.wrote.keys() - told.told.keys())
        verdicts.append(
            f"- {kind}: {word}: told within {p99:.1f} ms at p99, bar {BAR:.0f} ms; "
            f"never told {never}, told more than once {told.again}"
        )
    head = ("beside them", "by", "until", "people", "p50 ms", "p90 ms", "p99 ms", "most ms")
    method = METHOD.format(pace=options.pace, seconds=options.seconds, others=options.others)
    body = [about, report.table(head, rows=rows), "\n".join(verdicts), "\n".join(map(_item, notes))]
    report.say("\n\n".join(body))
    if options.write:
        title = "## From a request or frame until people are told"
        report.save("escalation", "\n\n".join([title, method.strip(), *body]))


def _item(note: str) -> str:
    return f"- {note}"


if __name__ == "__main__":
    process.run(main)
