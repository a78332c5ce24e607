"""The hostile HTTP corpus against the shipped command, over real sockets."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from tests.conformance.runner import (
    Bench,
    Report,
    broken_notes,
    describe,
    request_rows,
    response_rows,
    run_all,
)
from tests.helpers.gateway import free_port, start_gateway
from tests.helpers.hostile_rows import Expect, Result, Verdict
from tests.helpers.recording_upstream import RecordingUpstream, listen_on_loopback

pytestmark = pytest.mark.e2e

_DEVIATIONS: Final = {
    # The gateway switches to WebSocket and nothing else, so that this 101 answers no request of
    # its own; relaying it would leave client and gateway with different ideas of the connection.
    "llhttp-res-connection-331": "answered 502",
    # Its answer ends within a word, and never comes whole: a word is shown when all of it has been
    # looked at.
    "llhttp-res-connection-641": "answered 200 b'response ', not 200",
}


@dataclass(frozen=True, slots=True)
class Run:
    """What the rows have shown, and what the gateway said meanwhile."""

    report: Report
    log: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every row, once, for all the tests below."""
    tmp_path = tmp_path_factory.mktemp("hostile")
    listener = listen_on_loopback()
    port = free_port()
    config = {
        "listen": f"127.0.0.1:{port}",
        "state_dir": str(tmp_path / "state"),
        "services": {"up": {"endpoints": [f"http://127.0.0.1:{listener.getsockname()[1]}"]}},
        "routes": [{"path": "/{rest:path}", "service": "up", "auth": "none"}],
        "safety": {"hold": "500ms"},  # of answers that never come whole
    }
    gateway = start_gateway(config, tmp_path)
    try:
        report = asyncio.run(_run_rows(listener, gateway.port))
    finally:
        gateway.stop()
    return Run(report, gateway.tail())


async def _run_rows(listener: socket.socket, port: int) -> Report:
    async with RecordingUpstream(listener) as upstream:
        return await run_all(Bench(gateway=("127.0.0.1", port), upstream=upstream))


def test_every_row_has_run(run: Run) -> None:
    shown = [len(run.report.requests), len(run.report.responses), len(run.report.closing)]
    assert shown == [len(request_rows()), len(response_rows()), len(response_rows())]


def test_nothing_dangerous_reaches_anybody(run: Run) -> None:
    verdicts = [*run.report.requests, *run.report.responses, *run.report.closing]
    _expect_none([verdict for verdict in verdicts if verdict.result is Result.DANGEROUS], run)


def test_whatever_must_be_rejected_is(run: Run) -> None:
    rejects = [verdict for verdict in run.report.requests if verdict.row.expect is Expect.REJECT]
    _expect_none([verdict for verdict in rejects if not verdict.is_pass], run)


def test_every_hostile_request_gets_its_verdict(run: Run) -> None:
    _expect_none([verdict for verdict in run.report.requests if not verdict.is_pass], run)


def test_every_hostile_answer_gets_its_verdict(run: Run) -> None:
    _expect_none([verdict for verdict in run.report.responses if not _is_agreed(verdict)], run)


def test_an_answer_cut_short_is_never_completed(run: Run) -> None:
    """An upstream that closes early is where forging an end would show."""
    cut = [
        verdict
        for verdict in run.report.closing
        if verdict.row.expect is Expect.BAD_GATEWAY_OR_ABORT and verdict.row.must_close
    ]
    _expect_none([verdict for verdict in cut if not verdict.is_pass], run)


def test_what_only_the_notes_of_rows_ask_for_holds(run: Run) -> None:
    broken = broken_notes(run.report.requests)
    if broken:
        pytest.fail(broken, pytrace=False)


def _is_agreed(verdict: Verdict) -> bool:
    deviation = _DEVIATIONS.get(verdict.row.id)
    is_agreed = deviation is not None and verdict.reason.startswith(deviation)
    return verdict.is_pass or (is_agreed and verdict.result is Result.FAIL)


def _expect_none(failures: Sequence[Verdict], run: Run) -> None:
    if failures:
        message = f"{len(failures)} rows:\n{describe(failures)}\n\nlog:\n{run.log}"
        pytest.fail(message, pytrace=False)
