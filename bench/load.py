"""The load: wrk, one thread, 64 keep-alive connections, one request over and over."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import process
from answer import HEADERS_FILE
from process import BenchError
from products import BENCH, TARGET

CONNECTIONS: Final = 64
GRACE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk saw; times as it measures them, in microseconds."""

    requests: int
    microseconds: int
    bytes: int
    socket_errors: int
    bad_statuses: int
    p50: int
    p99: int


def put_on(port: int, *, core: int, seconds: int, headers: Path = HEADERS_FILE) -> Load:
    """Load whatever listens at the port for some seconds."""
    address = f"http://127.0.0.1:{port}{TARGET}"
    sizes = f"-t1 -c{CONNECTIONS} -d{seconds}s --timeout 10s".split()
    script = ["-s", str(BENCH / "request.lua"), address, "--", str(headers)]
    pinned = [process.find_program("taskset"), "--cpu-list", str(core)]
    command = [*pinned, process.find_program("wrk"), *sizes, *script]
    return parsed(process.output_of(command, seconds=seconds + GRACE_SECONDS))


def parsed(output: str) -> Load:
    """Read the line that request.lua writes at the end."""
    line = re.search(r"^load (\{.*\})$", output, re.MULTILINE)
    if line is None:
        raise BenchError(f"wrk did not end well: {output.strip()[-200:]}")
    return Load(**json.loads(line[1]))


def fault_of(load: Load, *, answer_length: int) -> str | None:
    """Say why a run does not count; None if every answer was the right one."""
    if load.requests == 0:
        return "no request was answered"
    if load.socket_errors:
        return f"{load.socket_errors} socket errors"
    if load.bad_statuses:
        return f"{load.bad_statuses} answers with status 400 and above"
    # wrk counts no 1xx-3xx as bad, but answers other than the sampled one have another length.
    average = load.bytes / load.requests
    if abs(average / answer_length - 1) > 0.02:
        return f"answers of {average:.0f} bytes on average, the sampled one had {answer_length}"
    return None
