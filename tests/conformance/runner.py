"""Sends every row of the hostile HTTP corpus through a running gateway and gathers the verdicts.

Raw requests run one after the other: whatever reaches the upstream meanwhile belongs to that row,
and no row can be tagged without changing it.  Rows of answers carry a target of their own and run
side by side; a row that fails runs again alone, and if it passes then, all do, so that no row is
blamed for the surplus of another.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.helpers.hostile_rows import (
    Expect,
    Relay,
    Result,
    Row,
    Verdict,
    intended_answer,
    judge_request,
    judge_response,
    read_rows,
)
from tests.helpers.raw_client import (
    Conversation,
    Patience,
    Wanted,
    converse,
    converse_in_parts,
)
from tests.helpers.recording_upstream import BODY_MARK, RecordingUpstream, Script

_DATA: Final = Path(__file__).parent / "data"
_SETTLED: Final = 0.005
_LAST_ANSWER: Final = 0.02
_SWITCHING: Final = 101
_OTHER_CLIENTS: Final = 3
_CLOSING: Final = frozenset({Expect.REJECT, Expect.FORWARD_THEN_REJECT, Expect.INCOMPLETE})
_PLAIN_REQUEST: Final = b"GET %b HTTP/1.1\r\nHost: gw.test\r\n\r\n"
_UPGRADE: Final = b"GET %b HTTP/1.1\r\nHost: gw.test\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n"
_POST_HEAD: Final = b"POST %b HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 10\r\n\r\nhello"


@dataclass(frozen=True, slots=True)
class Report:
    """Every verdict of a run."""

    requests: list[Verdict] = field(default_factory=list)
    responses: list[Verdict] = field(default_factory=list)
    """With an upstream that leaves its connection open."""
    closing: list[Verdict] = field(default_factory=list)
    """The same rows with an upstream that closes after its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A gateway, the upstream behind it, and how patient to be with them."""

    gateway: tuple[str, int]
    upstream: RecordingUpstream
    patience: Patience = field(default_factory=Patience)
    incomplete_wait: float = 0.4
    """How long an incomplete request may stand before the client hangs up."""


def request_rows() -> list[Row]:
    """The raw requests."""
    return read_rows(_DATA / "http_requests_dev.jsonl")


def response_rows() -> list[Row]:
    """The raw answers."""
    return read_rows(_DATA / "http_responses_dev.jsonl")


async def run_requests(rows: Sequence[Row], bench: Bench) -> list[Verdict]:
    """Send raw requests, one at a time."""
    return [await _run_request(row, bench) for row in rows]


async def _run_request(row: Row, bench: Bench) -> Verdict:
    mark = bench.upstream.mark()
    told = await converse(
        bench.gateway,
        row.raw,
        wanted=_wanted(row),
        patience=bench.patience,
        hang_up_after=bench.incomplete_wait if row.expect is Expect.INCOMPLETE else None,
    )
    await bench.upstream.quiet(_SETTLED)
    return judge_request(row, told, bench.upstream.since(mark))


def _wanted(row: Row) -> Wanted:
    return Wanted(
        answers=max(1, row.n_upstream[0]),
        close=row.must_close or row.expect in _CLOSING,
        is_head=row.raw.startswith(b"HEAD "),
    )


async def run_responses(
    rows: Sequence[Row], bench: Bench, *, closes: bool, at_once: int = 8
) -> list[Verdict]:
    """Have the upstream answer with raw bytes, a few rows at once."""
    verdicts = await _run_side_by_side(rows, bench, closes, at_once)
    failed = [verdict.row for verdict in verdicts if not verdict.is_pass]
    alone = await _run_side_by_side(failed, bench, closes, 1)
    if any(verdict.is_pass for verdict in alone):
        return _worst(verdicts, await _run_side_by_side(rows, bench, closes, 1))
    return verdicts


def _worst(together: list[Verdict], alone: list[Verdict]) -> list[Verdict]:
    """What the rows showed alone, unless that explains nothing."""
    return together if all(verdict.is_pass for verdict in alone) else alone


async def _run_side_by_side(
    rows: Sequence[Row], bench: Bench, closes: bool, at_once: int
) -> list[Verdict]:
    places = asyncio.Semaphore(at_once)

    async def run(row: Row) -> Verdict:
        async with places:
            return await _run_response(row, bench, closes)

    return list(await asyncio.gather(*map(run, rows)))


async def _run_response(row: Row, bench: Bench, closes: bool) -> Verdict:
    upstream, mark = bench.upstream, bench.upstream.mark()
    target = f"/rows/{row.id}/{mark.requests}".encode()
    upstream.scripts[target] = Script(
        raw=row.raw,
        closes=closes,
        before_body=_is_early(row),
        when_idle=row.expect is Expect.DISCARD,
    )
    told = await _ask(row, target, bench, closes)
    others = [await _ask_plainly(target + b"/next/%d" % n, bench) for n in range(_OTHER_CLIENTS)]
    is_reused = target in upstream.reused
    tries = upstream.since(mark).targets.count(target)
    return judge_response(row, Relay(told, tuple(others), is_reused, is_retried=tries > 1))


def _is_early(row: Row) -> bool:
    return "before the request body" in row.note


async def _ask(row: Row, target: bytes, bench: Bench, closes: bool) -> Conversation:
    if _is_early(row):
        parts = (_POST_HEAD % target, b"world")
        return await converse_in_parts(bench.gateway, parts, pause=0.3, patience=bench.patience)
    may_hang = row.expect is Expect.BAD_GATEWAY_OR_ABORT and not closes
    patience = Patience(total=1.0, quiet=0.3) if may_hang else bench.patience
    wanted = Wanted(answers=0 if may_hang else 1)
    return await converse(bench.gateway, _question(row, target), wanted=wanted, patience=patience)


def _question(row: Row, target: bytes) -> bytes:
    """A plain GET, unless the row switches protocols: then a request that asks for just that."""
    intended = intended_answer(row)
    protocols = intended.values(b"upgrade") if intended and intended.status == _SWITCHING else []
    return _UPGRADE % (target, protocols[0]) if protocols else _PLAIN_REQUEST % target


async def _ask_plainly(target: bytes, bench: Bench) -> tuple[bytes, Conversation]:
    patience = Patience(total=bench.patience.total, quiet=_LAST_ANSWER)
    told = await converse(
        bench.gateway, _PLAIN_REQUEST % target, wanted=Wanted(), patience=patience
    )
    return BODY_MARK + target, told


async def run_all(bench: Bench) -> Report:
    """Every row, both ways for the answers."""
    return Report(
        await run_requests(request_rows(), bench),
        await run_responses(response_rows(), bench, closes=False),
        await run_responses(response_rows(), bench, closes=True),
    )


def describe(verdicts: Sequence[Verdict]) -> str:
    """The rows that did not pass, for a human."""
    lines = []
    for verdict in verdicts:
        if verdict.is_pass:
            continue
        row = verdict.row
        lines += [
            f"{verdict.result.upper():9} {row.id}: {row.expect}: {verdict.reason}",
            f"          note      {row.note or '-'} ({row.source})",
            f"          sent      {row.raw[:300]!r}",
            f"          evidence  {verdict.evidence}",
        ]
    return "\n".join(lines)


def broken_notes(verdicts: Sequence[Verdict]) -> str:
    """The rows that pass or not, but do not keep what their note says."""
    return "\n".join(
        f"NOTE      {verdict.row.id}: {verdict.broken_note}\n          {verdict.evidence}"
        for verdict in verdicts
        if verdict.broken_note
    )


def tally(verdicts: Sequence[Verdict]) -> str:
    """How many rows of each kind passed, failed, were dangerous."""
    lines = [f"{'expect':24}{'rows':>6}{'pass':>6}{'fail':>6}{'danger':>8}"]
    for expect in dict.fromkeys(verdict.row.expect for verdict in verdicts):
        of_kind = [verdict.result for verdict in verdicts if verdict.row.expect is expect]
        lines.append(f"{expect:24}{len(of_kind):6}" + _counts(of_kind))
    results = [verdict.result for verdict in verdicts]
    return "\n".join([*lines, f"{'all':24}{len(results):6}" + _counts(results)])


def _counts(results: Sequence[Result]) -> str:
    passed, failed, dangerous = (results.count(result) for result in Result)
    return f"{passed:6}{failed:6}{dangerous:8}"
