"""What others feel while many are asked who they are: `python bench/asking.py`.

Somebody whose token is known asks at a steady pace.  In turns there is nothing else; 500 requests a
second with tokens that nobody has seen yet (Ed25519); and 200 logins a second.
"""

import argparse
import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Final
from urllib.request import Request, urlopen

import answer
import machine
import process
import report
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from guarded import KEY_ID, LASTS, encoded
from process import BenchError
from products import BENCH, TARGET, UPSTREAM, Product, Running, launch

from tta_gateway.support.clock import SystemClock

ROUNDS: Final = 9
SECONDS: Final = 5
KNOWN: Final = 200
"""requests a second with a known token"""
NEW: Final = 500
LOGINS: Final = 200
USERS: Final = 20
PASSWORD: Final = "a bench's password"  # noqa: S105 - of nobody
READY_SECONDS: Final = 40.0
BAR: Final = 1.5
clock: Final = SystemClock()

METHOD: Final = """\
The gateway with its defaults and one worker, a service (nginx) and the load share two cores.
Somebody whose token is known asks {known} times a second; p99 is of those alone.  Rounds of
{seconds} s take turns: nothing else; {new} requests a second whose Ed25519 tokens nobody has seen
yet; {logins} logins a second (Argon2id, 19 MiB).  The ratio is to the quiet round beside it, and
its median counts.
"""


@dataclass
class Heard:
    """What one kind of request has come to."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def p99(self) -> float:
        """Return it in milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[int(len(ordered) * 0.99)] * 1e3


class Key:
    """Signs tokens of the other issuer."""

    def __init__(self) -> None:
        """Make one."""
        self._key = Ed25519PrivateKey.generate()

    def set(self) -> str:
        """Return it as a key set."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        key = {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw), "kid": KEY_ID, "alg": "EdDSA"}
        return json.dumps({"keys": [key]})

    def token(self) -> str:
        """Return another token."""
        now = clock.wall()
        head = {"alg": "EdDSA", "typ": "JWT", "kid": KEY_ID}
        claims = {"iss": "https://id.platform.example", "aud": "tta", "sub": TARGET.split("/")[4]}
        more = {"iat": int(now), "exp": int(now + LASTS), "jti": secrets.token_hex(8)}
        claims |= more | {"role": "player"}
        signed = ".".join(encoded(json.dumps(one).encode()) for one in (head, claims))
        return f"{signed}.{encoded(self._key.sign(signed.encode()))}"


def main() -> int:
    """Measure, print, and write the section; 0 if every round could be measured."""
    options = _options()
    key = Key()
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)
        gateway = _started(key, folder, stack)
        _users(gateway)
        rounds = asyncio.run(_rounds(gateway, key, options))
        about = report.facts(machine.description(folder))
        lag = _late(gateway)
    _publish(rounds, about, lag, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each kind in a round")
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    return parser.parse_args()


def _started(key: Key, folder: Path, stack: ExitStack) -> Running:
    upstream = launch(UPSTREAM, folder=folder, core="0,1")
    stack.callback(process.stop, upstream.daemon)
    product = Product(
        name="gateway",
        title="TTA Gateway",
        program=f"path:{sys.executable}",
        arguments=("-m", "tta_gateway", "run", "-c", "@folder@/asking.yaml"),
        templates=(BENCH / "asking.yaml", BENCH / "asking.jwks"),
        version=("--version",),
        ports=("port", "admin"),
        values={"jwks": key.set()},
    )
    running = launch(product, folder=folder, core="0,1", upstream_port=upstream.port)
    stack.callback(process.stop, running.daemon)
    headers = folder / "headers.txt"
    headers.write_text(f"Host: api.platform.example\nAuthorization: Bearer {key.token()}\n")
    process.await_ready(
        running.daemon,
        lambda: answer.answers(running.port, headers=headers),
        folder=running.folder,
        seconds=READY_SECONDS,
    )
    return running


def _users(gateway: Running) -> None:
    """Have users who log in, once control can make them."""
    config = str(gateway.folder / "asking.yaml")
    words = [sys.executable, "-m", "tta_gateway", "user", "add", "-c", config, "--password-stdin"]

    def made(name: str) -> bool:
        done = subprocess.run(  # noqa: S603 - our own command
            [*words, name], input=PASSWORD, text=True, capture_output=True, check=False
        )
        return done.returncode == 0

    for number in range(USERS):
        if not process.wait_until(lambda name=f"user{number}": made(name), seconds=READY_SECONDS):
            raise BenchError("no users could be made")


async def _rounds(
    gateway: Running, key: Key, options: argparse.Namespace
) -> list[dict[str, tuple[Heard, Heard]]]:
    port, found = gateway.port, []
    known = cycle([_get(key.token())])
    names = cycle([_login(f"user{number}") for number in range(USERS)])
    for number in range(options.rounds):
        new = iter([_get(key.token()) for _ in range(NEW * options.seconds)])
        kinds: dict[str, tuple[Iterator[bytes], int]] = {
            "nothing else": (iter(()), 0),
            "new tokens": (new, NEW),
            "logins": (names, LOGINS),
        }
        one = {}
        for kind, (requests, pace) in kinds.items():
            others, load = Heard(), Heard()
            await asyncio.gather(
                _ask(port, known, KNOWN, options.seconds, others, connections=4),
                _ask(port, requests, pace, options.seconds, load, connections=64),
            )
            one[kind] = others, load
            report.note(f"round {number + 1}, {kind}: p99 {others.p99():.2f} ms, {load.statuses}")
            await asyncio.sleep(1.0)
        found.append(one)
    return found


def _get(token: str) -> bytes:
    return (
        f"GET {TARGET} HTTP/1.1\r\nHost: api.platform.example\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def _login(name: str) -> bytes:
    body = json.dumps({"username": name, "password": PASSWORD})
    return (
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: api.platform.example\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def _ask(
    port: int, requests: Iterator[bytes], pace: int, seconds: int, heard: Heard, *, connections: int
) -> None:
    """Ask so many times a second, whatever becomes of it; from when it was due, time counts."""
    if not pace:
        return
    free: asyncio.Queue[Callable[[bytes], Awaitable[int]]] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await _asker(port))
    begun = clock.monotonic()

    async def one(request: bytes, due: float) -> None:
        ask = await free.get()
        status = await ask(request)
        free.put_nowait(ask)
        heard.seconds.append(clock.monotonic() - due)
        heard.statuses[status] = heard.statuses.get(status, 0) + 1

    async with asyncio.TaskGroup() as group:
        for number in range(pace * seconds):
            due = begun + number / pace
            await asyncio.sleep(max(0.0, due - clock.monotonic()))
            group.create_task(one(next(requests), due))


async def _asker(port: int) -> Callable[[bytes], Awaitable[int]]:
    """Return what asks over a connection, and over the next where that is closed meanwhile."""
    kept = [await asyncio.open_connection("127.0.0.1", port)]

    async def ask(request: bytes) -> int:
        try:
            return await _answer(*kept[0], request)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            kept[0] = await asyncio.open_connection("127.0.0.1", port)
            return await _answer(*kept[0], request)

    return ask


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> int:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = head.partition("content-length:")[2].partition("\r\n")[0]
    await reader.readexactly(int(length or 0))
    return int(head.split()[1])


def _late(gateway: Running) -> str:
    """Return how late the worker's loop was, as `/metrics` tells."""
    token = (gateway.folder / "state" / "admin.token").read_text().strip()
    url = f"http://127.0.0.1:{gateway.ports['admin']}/metrics"
    asked = Request(url, headers={"Authorization": f"Bearer {token}"})
    with suppress(OSError), urlopen(asked, timeout=5.0) as told:  # noqa: S310 - likewise
        lines = told.read().decode().splitlines()
        return "; ".join(line for line in lines if "loop_lag" in line and "_bucket" in line)
    return "not told"


def _publish(
    rounds: list[dict[str, tuple[Heard, Heard]]],
    about: str,
    lag: str,
    options: argparse.Namespace,
) -> None:
    rows = []
    for kind in rounds[0]:
        p99 = [one[kind][0].p99() for one in rounds]
        ratios = [one[kind][0].p99() / one["nothing else"][0].p99() for one in rounds]
        statuses: dict[int, int] = {}
        for one in rounds:
            for status, count in one[kind][1].statuses.items():
                statuses[status] = statuses.get(status, 0) + count
        said = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        reach = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        rows.append((kind, f"{median(p99):.2f} ms", reach, said or "-"))
    head = ("beside them", "p99 of those known", "x nothing else", "what they heard")
    method = METHOD.format(known=KNOWN, new=NEW, logins=LOGINS, seconds=options.seconds)
    body = [about, report.table(head, rows=rows), f"Loop lag of all of it: {lag}"]
    report.say("\n\n".join(body))
    if options.write or options.rounds >= ROUNDS:
        title = "## What others feel while many are asked who they are"
        report.save("asking", "\n\n".join([title, method.strip(), *body]))


if __name__ == "__main__":
    process.run(main)
