"""What a tunnel costs: CPU time of the gateway for each MiB that passes through.

A WebSocket's frames are followed, so that a Close can be put in between two of them; another
protocol's bytes are not.  The same bytes go through a tunnel of each kind, so that the difference
is what the following costs.  `python bench/tunnel.py [--seconds N] [--rounds N] [--write]`
"""

import argparse
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import cpu
import machine
import process
import report
from process import BenchError, Daemon

MIB: Final = 1 << 20
BAR: Final = 1.25
"""times the CPU time of a tunnel whose frames nobody follows, for frames of 4 KiB and more"""
BAR_FROM: Final = 4096
SIZES: Final = (32, 125, 1024, 4096, 65536, MIB)
"""bytes of a frame's payload"""
PROTOCOLS: Final = ("raw", "websocket")
READY_SECONDS: Final = 20.0
_BLOCK: Final = 256 * 1024

METHOD: Final = """\
A service sends frames of one size as fast as they are taken, through the shipped gateway with one
worker on a core of its own, to a client that throws them away.  CPU is user + system of the
gateway's whole process tree; median of all rounds, the two kinds in turn.
"""


def main() -> int:
    """Measure, print, and write the section if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="rewrite the section of RESULTS.md")
    options = parser.parse_args()
    with process.everything_ended() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        service = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=_serve, args=(service,), daemon=True).start()
        daemon, port = _started(folder, service.getsockname()[1], stack)
        rows, worst = [], 0.0
        for size in SIZES:
            spent = _measure(daemon, port, size=size, options=options)
            raw, followed = (statistics.median(spent[kind]) for kind in PROTOCOLS)
            if size >= BAR_FROM:
                worst = max(worst, followed / raw)
            rows.append([f"{size}", f"{raw:.3f}", f"{followed:.3f}", f"{followed / raw:.2f}"])
        about = machine.description(folder)
    bar = f"followed, at most {BAR} times as much, from {BAR_FROM} bytes a frame on"
    verdict = f"{'met' if worst <= BAR else 'not met'}: {worst:.2f}"
    head = ["bytes a frame", "ms CPU a MiB, not followed", "followed", "ratio"]
    parts = ["## Tunnels", report.facts(about), METHOD, report.table(head, rows=rows)]
    body = "\n\n".join([*parts, report.table(["bar", "result"], rows=[[bar, verdict]])])
    report.say(body)
    if options.write:
        report.save("tunnel", body)
    return 0


def _started(folder: Path, upstream: int, stack: ExitStack) -> tuple[Daemon, int]:
    own_core, _ = process.two_cores()
    (port,) = process.free_ports(1)
    file = folder / "gateway.yaml"
    file.write_text(
        f"listen: 127.0.0.1:{port}\nprobe: off\nworkers: 1\nstate_dir: {folder}/state\n"
        f"access_log: {{enabled: false}}\n"
        f'services: {{up: {{endpoints: ["http://127.0.0.1:{upstream}"]}}}}\n'
        "routes: [{path: '/{rest:path}', service: up, auth: none, upgrade: [websocket, raw]}]\n"
    )
    command = [sys.executable, "-m", "tta_gateway", "run", "-c", str(file)]
    daemon = process.start(command, core=own_core, folder=folder, environment={})
    stack.callback(process.stop, daemon)
    output = folder / process.OUTPUT
    process.await_ready(
        daemon, lambda: b"ready: " in output.read_bytes(), folder=folder, seconds=READY_SECONDS
    )
    return daemon, port


def _measure(
    daemon: Daemon, port: int, *, size: int, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Return milliseconds of CPU for each MiB, by kind of tunnel."""
    spent: dict[str, list[float]] = {kind: [] for kind in PROTOCOLS}
    for _ in range(options.rounds):
        for kind in PROTOCOLS:
            with socket.create_connection(("127.0.0.1", port)) as client:
                _switch(client, kind, size)
                before = cpu.cpu_seconds(daemon.pid)
                taken = _take(client, options.seconds)
                used = cpu.cpu_seconds(daemon.pid) - before
                spent[kind].append(used * 1000 / (taken / MIB))
    return spent


def _switch(client: socket.socket, protocol: str, size: int) -> None:
    client.sendall(
        f"GET /{size} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n"
        "\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    if b" 101 " not in head:
        raise BenchError(f"the gateway did not switch: {head!r}")


def _take(client: socket.socket, seconds: float) -> int:
    """Throw away what comes for a while; return how much it was."""
    taken, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        part = len(client.recv(_BLOCK))
        if not part:
            raise BenchError("the tunnel ended")
        taken += part
    return taken


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_send, args=(sock,), daemon=True).start()


def _send(sock: socket.socket) -> None:
    """Switch to whatever was asked for, and send frames until nobody takes them any more."""
    with sock:
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4096)
        protocol = head.lower().partition(b"upgrade: ")[2].partition(b"\r\n")[0]
        size = int(head[5:].partition(b" ")[0])
        frame = _head_of(size) + bytes(size)
        frames = frame * max(1, _BLOCK // len(frame))
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n"
            % protocol
        )
        try:
            while True:
                sock.sendall(frames)
        except OSError:
            return


def _head_of(size: int) -> bytes:
    """Return the head of a binary frame (RFC 6455 5.2)."""
    if size <= 125:
        return bytes((0x82, size))
    if size < 1 << 16:
        return b"\x82\x7e" + size.to_bytes(2, "big")
    return b"\x82\x7f" + size.to_bytes(8, "big")


if __name__ == "__main__":
    process.run(main)
