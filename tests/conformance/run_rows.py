"""Runs the hostile HTTP corpus against any proxy that listens already, and prints a table.

    python -m tests.conformance.run_rows --gateway 127.0.0.1:PORT --upstream-port N

The proxy has to forward everything to 127.0.0.1:N, where this program listens.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from tests.conformance.runner import (
    Bench,
    Report,
    broken_notes,
    describe,
    request_rows,
    response_rows,
    run_requests,
    run_responses,
    tally,
)
from tests.helpers.hostile_rows import Row, Verdict
from tests.helpers.recording_upstream import RecordingUpstream, listen_on_loopback


def main() -> int:
    """Run, print, and say by the exit status whether every verdict was a pass."""
    options = _options()
    start = time.perf_counter()
    report = asyncio.run(_run(options))
    _say(f"{_table(report, with_remarks=options.remarks)}\n{time.perf_counter() - start:.1f} s")
    return 0 if all(verdict.is_pass for verdict in [*report.requests, *report.responses]) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="run_rows")
    parser.add_argument("--gateway", required=True, help="host:port of the proxy")
    parser.add_argument("--upstream-port", type=int, required=True)
    parser.add_argument("--only", default="", help="rows whose id contains this")
    parser.add_argument("--remarks", action="store_true", help="print the remarks on passing rows")
    parser.add_argument(
        "--incomplete-wait", type=float, default=0.4, help="seconds before the client hangs up"
    )
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> Report:
    host, _, port = str(options.gateway).rpartition(":")
    only = str(options.only)
    async with RecordingUpstream(listen_on_loopback(options.upstream_port)) as upstream:
        bench = Bench(
            gateway=(host, int(port)),
            upstream=upstream,
            incomplete_wait=options.incomplete_wait,
        )
        return Report(
            await run_requests(_chosen(request_rows(), only), bench),
            await run_responses(_chosen(response_rows(), only), bench, closes=False),
            await run_responses(_chosen(response_rows(), only), bench, closes=True),
        )


def _chosen(rows: Sequence[Row], only: str) -> list[Row]:
    return [row for row in rows if only in row.id]


def _table(report: Report, *, with_remarks: bool) -> str:
    parts = []
    for title, verdicts in (
        ("requests", report.requests),
        ("answers, upstream keeps its connection open", report.responses),
        ("for information: answers, upstream closes", report.closing),
    ):
        parts += [f"== {title}", describe(verdicts), broken_notes(verdicts), tally(verdicts)]
        if with_remarks:
            parts += _remarks(verdicts)
    return "\n".join(filter(None, parts))


def _remarks(verdicts: Sequence[Verdict]) -> list[str]:
    return [
        f"  {verdict.row.id}: {remark}"
        for verdict in verdicts
        if verdict.is_pass
        for remark in verdict.remarks
    ]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
