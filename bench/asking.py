"""What others feel while many are asked who they are: `python bench/asking.py`.

Somebody whose token is known asks at a steady pace.  In turns there is nothing else; 500 requests a
second with tokens that nobody has seen yet (Ed25519); and 200 logins a second.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from asyncio import gather, sleep
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import count, cycle
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias
from urllib.request import Request, urlopen

import answer
import cpu
import machine
import paced
import process
import report
from alone import Alone, quiet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from guarded import KEY_ID, LASTS, encoded
from paced import Heard
from process import BenchError
from products import BENCH, TARGET, UPSTREAM, Product, Running, launch

from tta_gateway.node.long_turns import take_turns
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
TRIES: Final = 3
PATIENCE: Final = 10.0
DISTURBED: Final = 0.05
BAR: Final = 1.5
CONTROL: Final = b"tta_gateway.node.control_main"
Both: TypeAlias = tuple[Heard, Heard]
"""What others have heard, and what they were asked beside."""
clock: Final = SystemClock()

METHOD: Final = """\
The gateway with its defaults, one worker and all its processes, has one core; a service (nginx) and
the load have another{where}.
Somebody whose token is known asks {known} times a second; p99 is of those alone, from when each
was written.  Rounds of {seconds} s take turns: nothing else; {new} requests a second whose Ed25519
tokens nobody has seen yet; {logins} logins a second (Argon2id, 19 MiB), one in ten with a wrong
password.  The ratio is to the quiet round beside it, and its median counts.  A part
of which other processes of the machine took more than {disturbed:.0%} is done once more.  A refusal
for want of time has to say when to come back, and no connection may break off; else the run does
not count.
"""


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
    core, other = process.two_cores()
    os.sched_setaffinity(0, {other})
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)
        upstream = launch(UPSTREAM, folder=folder, core=other)
        stack.callback(process.stop, upstream.daemon)
        gateway = started(key, folder, stack, core=core, upstream_port=upstream.port)
        users(gateway)
        _step_back(gateway, options.step_back)
        _part(upstream, options)
        roots = (gateway.daemon.pid, upstream.daemon.pid)
        rounds = paced.run(_rounds(gateway, key, options, roots))
        about = report.facts(machine.description(folder))
        lag = _late(gateway)
    _publish(rounds, about, lag, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each kind in a round")
    parser.add_argument(
        "--together", action="store_true", help="have load and service wait for a core like others"
    )
    parser.add_argument(
        "--others",
        type=float,
        default=DISTURBED,
        help="the share of the machine that other processes may have; else it is done once more",
    )
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help="seconds to wait for that, at a time"
    )
    parser.add_argument(
        "--step-back", type=int, default=0, help="a priority (nice) for control, to try one"
    )
    parser.add_argument(
        "--turn",
        type=int,
        default=0,
        help="microseconds that turns of control and of what hashes passwords take, to try them "
        "(sched_setattr(2): 100 and more)",
    )
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    parser.set_defaults(disturbed=0)
    return parser.parse_args()


def _part(upstream: Running, options: argparse.Namespace) -> None:
    """Have the load and the service run as if each had a machine of its own, where they may."""
    if options.together:
        return
    pids = [0, *(one.pid for one in cpu.tree(upstream.daemon.pid))]
    options.together = not all(paced.elsewhere(pid) for pid in pids)


def started(key: Key, folder: Path, stack: ExitStack, *, core: int, upstream_port: int) -> Running:
    """Have a gateway run that issues tokens, and believes this key."""
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
    running = launch(product, folder=folder, core=core, upstream_port=upstream_port)
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


def users(gateway: Running) -> None:
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


def control_of(root: int) -> int:
    """Return the process that is the control of a gateway."""
    for one in cpu.tree(root):
        if CONTROL in (cpu.PROC / str(one.pid) / "cmdline").read_bytes().split(b"\0"):
            return one.pid
    raise BenchError("there is no control")


def _step_back(gateway: Running, nice: int) -> None:
    """Have control run at another priority than it has by itself."""
    if nice:
        tasks = cpu.PROC / str(control_of(gateway.daemon.pid)) / "task"
        for task in tasks.iterdir():
            os.setpriority(os.PRIO_PROCESS, int(task.name), nice)


def _take_turns(gateway: Running, microseconds: int) -> None:
    """Have control, and what hashes for it, take other turns than they do by themselves."""
    if not microseconds:
        return
    for one in cpu.tree(control_of(gateway.daemon.pid)):
        for task in (cpu.PROC / str(one.pid) / "task").iterdir():
            number = int(task.name)
            gives_way = os.sched_getscheduler(number) == os.SCHED_IDLE
            if not take_turns(number, microseconds * 1000):
                raise BenchError("the system lets no turns be taken")
            if gives_way:  # that keeps them, and cannot be told of them itself
                os.sched_setscheduler(number, os.SCHED_IDLE, os.sched_param(0))


async def _rounds(
    gateway: Running, key: Key, options: argparse.Namespace, roots: tuple[int, ...]
) -> list[dict[str, Both]]:
    found = []
    known = cycle([_get(key.token())])
    names = cycle([_login(f"user{number}", wrong=number % 10 == 0) for number in range(USERS)])
    for number in range(options.rounds):
        _take_turns(gateway, options.turn)  # once more: another process may hash by now
        new = (_get(key.token()) for _ in count())
        kinds: dict[str, tuple[Iterator[bytes], int]] = {
            "nothing else": (iter(()), 0),
            "new tokens": (new, NEW),
            "logins": (names, LOGINS),
        }
        one = {}
        for kind, (requests, pace) in kinds.items():
            for _ in range(TRIES):
                await quiet(roots, share=options.others, patience=options.patience)
                alone = Alone(roots)
                others, load = await gather(
                    paced.ask(gateway.port, known, pace=KNOWN, seconds=options.seconds),
                    paced.ask(gateway.port, requests, pace=pace, seconds=options.seconds),
                )
                share = alone.others()
                told = f"{_told(others, load)}, others on the machine {share:.0%}"
                report.note(f"round {number + 1}, {kind}: {told}")
                await sleep(1.0)
                if share <= options.others:
                    break
            options.disturbed += share > options.others
            one[kind] = others, load
        found.append(one)
    return found


def _get(token: str) -> bytes:
    return (
        f"GET {TARGET} HTTP/1.1\r\nHost: api.platform.example\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def _login(name: str, *, wrong: bool) -> bytes:
    password = PASSWORD[::-1] if wrong else PASSWORD
    body = json.dumps({"username": f"nobody-{name}" if wrong else name, "password": password})
    return (
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: api.platform.example\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _told(others: Heard, load: Heard) -> str:
    """Say what a round has come to; BenchError if it does not count."""
    busy = load.statuses.get(503, 0) + load.statuses.get(429, 0)
    if set(others.statuses) != {200} or set(load.statuses) - {200, 401, 429, 503}:
        raise BenchError(f"failed: {others.statuses} beside {load.statuses} (0: broken off)")
    if load.told_when < busy:
        raise BenchError(f"{busy - load.told_when} were refused without a word when to come back")
    return (
        f"p50 {others.at(0.5):.2f} p90 {others.at(0.9):.2f} p99 {others.at(0.99):.2f} ms, "
        f"{load.statuses}"
    )


def _late(gateway: Running) -> str:
    """Return how late the worker's loop was, as `/metrics` tells."""
    token = (gateway.folder / "state" / "admin.token").read_text().strip()
    url = f"http://127.0.0.1:{gateway.ports['admin']}/metrics"
    asked = Request(url, headers={"Authorization": f"Bearer {token}"})
    with suppress(OSError), urlopen(asked, timeout=5.0) as told:  # noqa: S310 - likewise
        lines = told.read().decode().splitlines()
        return "; ".join(line for line in lines if "loop_lag" in line and "_bucket" in line)
    return "not told"


def _verdict(ratio: float) -> str:
    return f"{'met' if ratio <= BAR else 'not met'}: {ratio:.2f} x, bar {BAR} x"


def _publish(
    rounds: list[dict[str, Both]],
    about: str,
    lag: str,
    options: argparse.Namespace,
) -> None:
    rows, verdicts = [], []
    for kind in rounds[0]:
        p99 = [one[kind][0].at(0.99) for one in rounds]
        ratios = [one[kind][0].at(0.99) / one["nothing else"][0].at(0.99) for one in rounds]
        statuses: dict[int, int] = {}
        for one in rounds:
            for status, heard in one[kind][1].statuses.items():
                statuses[status] = statuses.get(status, 0) + heard
        said = ", ".join(f"{heard} x {status}" for status, heard in sorted(statuses.items()))
        reach = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        rows.append((kind, f"{median(p99):.2f} ms", reach, said or "-"))
        verdicts += [] if kind == "nothing else" else [f"- {kind}: {_verdict(median(ratios))}"]
    head = ("beside them", "p99 of those known", "x nothing else", "what they heard")
    where = (
        ""
        if options.together
        else ", and never\nwait for it (SCHED_RR): they stand for other machines"
    )
    method = METHOD.format(
        known=KNOWN,
        new=NEW,
        logins=LOGINS,
        seconds=options.seconds,
        where=where,
        disturbed=options.others,
    )
    parts = len(rounds) * len(rounds[0])
    verdicts.append(f"- parts that others disturbed even so: {options.disturbed} of {parts}")
    body = [about, report.table(head, rows=rows), "\n".join(verdicts)]
    body.append(f"Loop lag of all of it: {lag}")
    report.say("\n\n".join(body))
    if options.write or (options.rounds >= ROUNDS and not options.step_back and not options.turn):
        title = "## What others feel while many are asked who they are"
        report.save("asking", "\n\n".join([title, method.strip(), *body]))


if __name__ == "__main__":
    process.run(main)
