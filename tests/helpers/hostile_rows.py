"""The rows of the hostile HTTP corpus, and what they say of a gateway's behaviour.

Everything here is pure: a row and what was seen go in, a verdict comes out.  *Dangerous* is kept
for what another server could be tricked with: malformed framing, CR, LF or NUL in a field,
Content-Length beside Transfer-Encoding, a look-alike of either, a forbidden path or field, more
requests than the row allows.  One well-formed request where none was allowed is a plain failure:
the gateway was lenient, but the upstream and it agree about what was said.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from tests.helpers.independent_parser import Request, Severity
from tests.helpers.raw_client import CLIENT_ADDRESS, Answer, Conversation, read_answers
from tests.helpers.recording_upstream import Observation

_SWITCHING_PROTOCOLS: Final = 101
_OK: Final = 200
_ERRORS: Final = 400
_BAD_GATEWAY: Final = 502
_TIMED_OUT: Final = (400, 408)
_GATEWAY_ERRORS: Final = (502, 503, 504)


class Expect(StrEnum):
    """What a gateway must do with a row."""

    REJECT = "reject"
    SAFE = "reject_or_forward_safe"
    FORWARD = "forward"
    FORWARD_THEN_REJECT = "forward_then_reject"
    INCOMPLETE = "incomplete"
    RELAY = "relay"
    RELAY_THEN_CLOSE = "relay_then_close"
    BAD_GATEWAY_OR_CLOSE = "502_or_close"
    BAD_GATEWAY_OR_ABORT = "502_or_abort"
    RELAY_OR_BAD_GATEWAY = "relay_or_502"
    DISCARD = "discard"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the corpus."""

    id: str
    raw_b64: bytes
    """The bytes themselves: decoding JSON undoes the base64."""
    expect: Expect
    n_upstream: tuple[int, int]
    must_close: bool
    source: str
    licence: str
    note: str = ""
    forbid_path: str | None = None
    forbid_header: str | None = None

    @property
    def raw(self) -> bytes:
        """The bytes to send."""
        return self.raw_b64


class Result(StrEnum):
    """A verdict in one word."""

    PASS = "pass"
    FAIL = "fail"
    DANGEROUS = "dangerous"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one row has shown."""

    row: Row
    result: Result
    reason: str = ""
    remarks: tuple[str, ...] = ()
    evidence: str = ""
    broken_note: str = ""
    """A promise that only the row's note makes, and that was not kept; no part of the verdict."""

    @property
    def is_pass(self) -> bool:
        """The gateway did as the row says."""
        return self.result is Result.PASS


@dataclass(frozen=True, slots=True)
class Relay:
    """What happened to the answer of a response row."""

    told: Conversation
    """What the client that asked got."""
    others: tuple[tuple[bytes, Conversation], ...]
    """What clients who asked next got, each with the body it should have got."""
    is_reused: bool
    """The gateway sent another request on the upstream connection."""
    is_retried: bool
    """The upstream saw the request more than once."""


def read_rows(path: Path) -> list[Row]:
    """Every row of a file."""
    return [msgspec.json.decode(line, type=Row) for line in path.read_bytes().splitlines()]


def judge_request(row: Row, told: Conversation, seen: Observation) -> Verdict:
    """Judge what a raw request led to."""
    evidence = _evidence(told, seen)
    if danger := _danger(row, seen):
        return Verdict(row, Result.DANGEROUS, danger, evidence=evidence)
    complaint = _REQUEST_RULES[row.expect](row, told, seen)
    result = Result.FAIL if complaint else Result.PASS
    broken = _broken_note(row, told, seen)
    return Verdict(row, result, complaint or "", _remarks(told, seen), evidence, broken)


def judge_response(row: Row, relay: Relay) -> Verdict:
    """Judge what became of a raw answer of the upstream."""
    evidence = f"client {relay.told.received[:300]!r} {relay.told.end.value}"
    if danger := _leak(relay) or _splitting(relay.told):
        return Verdict(row, Result.DANGEROUS, danger, evidence=evidence)
    complaint = _RESPONSE_RULES[row.expect](row, relay) or _reused(row, relay)
    result = Result.FAIL if complaint else Result.PASS
    return Verdict(row, result, complaint or "", _relay_remarks(relay), evidence)


# Requests


def _danger(row: Row, seen: Observation) -> str | None:
    for finding in seen.findings:
        if finding.severity is Severity.DANGEROUS:
            return f"upstream saw: {finding.what}"
    allowed = max(1, row.n_upstream[1])
    if len(seen.requests) > allowed:
        return f"upstream saw {len(seen.requests)} requests: {seen.targets!r}"
    return _forbidden(row, seen)


def _forbidden(row: Row, seen: Observation) -> str | None:
    for request in seen.requests:
        path = request.head.target.partition(b"?")[0]
        if row.forbid_path and path.endswith(row.forbid_path.encode()):
            return f"upstream saw the forbidden path {request.head.target!r}"
        if row.forbid_header and request.head.values(row.forbid_header.lower().encode()):
            return f"upstream saw the forbidden field {row.forbid_header}"
    return None


def _invalid(seen: Observation) -> str | None:
    for finding in seen.findings:
        if finding.severity is Severity.INVALID:
            return f"upstream saw: {finding.what}"
    return None


def _unclosed(row: Row, told: Conversation) -> str | None:
    if row.must_close and not told.is_closed:
        return "the connection stays open"
    return None


def _not_rejected(row: Row, told: Conversation, seen: Observation) -> str | None:
    if seen.requests:
        return f"forwarded: {seen.targets!r}"
    return _not_refused(told) or _unclosed(row, told)


def _not_refused(told: Conversation) -> str | None:
    if not told.answers:
        return None if told.is_closed else "neither answered nor closed"
    status = told.answers[0].status
    return f"answered {status}" if status < _ERRORS else None


def _not_safe(row: Row, told: Conversation, seen: Observation) -> str | None:
    if seen.requests:
        return _invalid(seen) or _unclosed(row, told)
    if not told.answers and not told.is_closed:
        return "neither answered nor closed"
    return _unclosed(row, told)


def _not_forwarded(row: Row, told: Conversation, seen: Observation) -> str | None:
    low, high = row.n_upstream
    if not low <= len(seen.requests) <= high:
        return f"upstream saw {len(seen.requests)} requests, answered {_statuses(told)}"
    answered = sum(answer.is_complete and answer.status == _OK for answer in told.answers)
    if answered < low:
        return f"answered {_statuses(told)}"
    return _invalid(seen) or _unclosed(row, told)


def _not_forwarded_then_rejected(row: Row, told: Conversation, seen: Observation) -> str | None:
    low, high = row.n_upstream
    if not low <= len(seen.requests) <= high:
        return f"upstream saw {len(seen.requests)} requests, answered {_statuses(told)}"
    if [answer.status for answer in told.answers[:low]] != [_OK] * low:
        return f"answered {_statuses(told)}"
    if any(answer.status < _ERRORS for answer in told.answers[low:]):
        return f"the rest was not refused: answered {_statuses(told)}"
    return _invalid(seen) or _unclosed(row, told)


def _not_given_up(row: Row, told: Conversation, seen: Observation) -> str | None:
    if seen.requests:
        return f"forwarded: {seen.targets!r}"
    if told.answers and told.answers[0].status not in _TIMED_OUT:
        return f"answered {_statuses(told)}"
    return _unclosed(row, told)


_REQUEST_RULES: Final[Mapping[Expect, Callable[[Row, Conversation, Observation], str | None]]] = {
    Expect.REJECT: _not_rejected,
    Expect.SAFE: _not_safe,
    Expect.FORWARD: _not_forwarded,
    Expect.FORWARD_THEN_REJECT: _not_forwarded_then_rejected,
    Expect.INCOMPLETE: _not_given_up,
}


def _has_dot_segments(_told: Conversation, request: Request) -> bool:
    path = request.head.target.partition(b"?")[0]
    return bool(re.search(rb"/\.\.?(/|$)", path))


def _trusts_forged_address(_told: Conversation, request: Request) -> bool:
    names = (b"x-forwarded-for", b"forwarded", b"x-real-ip")
    last = [values[-1].split(b",")[-1] for name in names if (values := request.head.values(name))]
    return not all(CLIENT_ADDRESS.encode() in value for value in last)


def _has_body_after_head(told: Conversation, _request: Request) -> bool:
    return bool(told.leftover)


def _merges_trailer(_told: Conversation, request: Request) -> bool:
    return bool(request.head.values(b"x-t"))


def _keeps_leading_zero(_told: Conversation, request: Request) -> bool:
    return request.head.values(b"content-length") == [b"05"]


def _is_made_get(_told: Conversation, request: Request) -> bool:
    return request.head.method == b"GET"


_NOTES: Final[Mapping[str, Callable[[Conversation, Request], bool]]] = {
    "nginx-uri-5": _has_dot_segments,
    "nginx-uri-6": _has_dot_segments,
    "nginx-uri-11": _has_dot_segments,
    "rfc-xff-spoof": _trusts_forged_address,
    "rfc-head": _has_body_after_head,
    "rfc-trailers-ok": _merges_trailer,
    "portswigger-CL-pad": _keeps_leading_zero,
    "rfc-lower-method": _is_made_get,
}


def _broken_note(row: Row, told: Conversation, seen: Observation) -> str:
    is_broken = _NOTES.get(row.id)
    if is_broken and any(is_broken(told, request) for request in seen.requests):
        return row.note
    return ""


def _remarks(told: Conversation, seen: Observation) -> tuple[str, ...]:
    remarks = [finding.what for finding in seen.findings]
    if not seen.requests and told.answers and told.answers[0].status < _ERRORS:
        remarks.append(f"answered {_statuses(told)} without asking the upstream")
    if told.had_to_hang_up:
        remarks.append("ended only when the client hung up")
    return tuple(remarks)


def _statuses(told: Conversation) -> list[int]:
    return [answer.status for answer in told.answers]


def _evidence(told: Conversation, seen: Observation) -> str:
    client = f"client {_statuses(told)} {told.end.value}"
    return f"{client}; upstream {seen.raw[:400]!r}"


# Answers


def _leak(relay: Relay) -> str | None:
    """The next client got anything but its own answer or an error of the gateway."""
    for body, other in relay.others:
        answer = other.answers[0] if other.answers else None
        is_own = answer and (answer.body == body or answer.status in _GATEWAY_ERRORS)
        if other.received and (not is_own or other.leftover or len(other.answers) > 1):
            return f"another client got {other.received[:200]!r}"
    return None


def _reused(row: Row, relay: Relay) -> str | None:
    is_spent = row.must_close or row.expect is Expect.DISCARD
    return "the upstream connection was used again" if is_spent and relay.is_reused else None


def _splitting(told: Conversation) -> str | None:
    """The client could read more, or something else, than one answer."""
    if len(told.answers) > 1:
        return f"the client got {len(told.answers)} answers to one request"
    is_tunnel = told.answers and told.answers[0].status == _SWITCHING_PROTOCOLS
    if told.answers and told.leftover and not is_tunnel:
        return f"surplus reached the client: {told.leftover[:80]!r}"
    for answer in told.answers:
        if re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", answer.head):
            return f"stray bytes in the head {answer.head[:200]!r}"
        if answer.values(b"content-length") and answer.values(b"transfer-encoding"):
            return "the client got both Content-Length and Transfer-Encoding"
    return None


def intended_answer(row: Row) -> Answer | None:
    """What a lenient client would make of the row itself."""
    answers, _ = read_answers(row.raw, is_closed=True)
    return answers[0] if answers else None


def _not_relayed(row: Row, relay: Relay) -> str | None:
    intended = intended_answer(row)
    assert intended  # a row that is to be relayed holds an answer
    if not relay.told.answers:
        return f"no answer, connection {relay.told.end.value}"
    answer = relay.told.answers[0]
    if (answer.status, answer.body) != (intended.status, intended.body):
        return f"answered {answer.status} {answer.body[:60]!r}, not {intended.status}"
    if answer.is_complete != intended.is_complete:
        return "the answer is incomplete" if intended.is_complete else "completed a short answer"
    if re.search(rb"\n[^:\r\n]*[ \t]:", answer.head):
        return "whitespace before a colon"
    return None


def _not_bad_gateway_or_closed(row: Row, relay: Relay) -> str | None:
    if complaint := _not_bad_gateway_or_aborted(row, relay):
        return complaint
    is_refused = relay.told.answers and relay.told.answers[0].status == _BAD_GATEWAY
    if not is_refused and not relay.told.is_closed:
        return "neither 502 nor closed"
    return None


def _not_bad_gateway_or_aborted(_row: Row, relay: Relay) -> str | None:
    for answer in relay.told.answers:
        if answer.is_complete and answer.status != _BAD_GATEWAY:
            return f"answered {answer.status} as if complete"
    return None


def _neither_relayed_nor_bad_gateway(row: Row, relay: Relay) -> str | None:
    if relay.told.answers and relay.told.answers[0].status == _BAD_GATEWAY:
        return None
    return _not_relayed(row, relay)


def _not_discarded(_row: Row, relay: Relay) -> str | None:
    statuses = _statuses(relay.told)
    return None if statuses == [_OK] else f"answered {statuses}"


_RESPONSE_RULES: Final[Mapping[Expect, Callable[[Row, Relay], str | None]]] = {
    Expect.RELAY: _not_relayed,
    Expect.RELAY_THEN_CLOSE: _not_relayed,
    Expect.BAD_GATEWAY_OR_CLOSE: _not_bad_gateway_or_closed,
    Expect.BAD_GATEWAY_OR_ABORT: _not_bad_gateway_or_aborted,
    Expect.RELAY_OR_BAD_GATEWAY: _neither_relayed_nor_bad_gateway,
    Expect.DISCARD: _not_discarded,
}


def _relay_remarks(relay: Relay) -> tuple[str, ...]:
    remarks = ["the upstream was asked more than once"] if relay.is_retried else []
    if relay.is_reused:
        remarks.append("the upstream connection was used again")
    for _, other in relay.others:
        if _statuses(other) != [_OK]:
            remarks.append(f"the next client got {_statuses(other)} {other.end.value}")
    return tuple(remarks)
