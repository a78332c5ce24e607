"""What control has found out, on its way to the supervisor."""

import os
import socket
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from tta_gateway.node.child import Child, hear
from tta_gateway.node.findings import AGAIN, Findings
from tta_gateway.snapshot.parts import decode_live


class Number(msgspec.Struct, frozen=True):
    """Something that has been found out."""

    n: int


class Line:
    """Both ends of control's channel."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)
        self.theirs.setblocking(False)

    def got(self) -> list[dict[str, int | None]]:
        """What the supervisor has been told, one dictionary each time; None: no more."""
        found: list[dict[str, int | None]] = []
        child = Child(cast("Any", None), self.theirs)
        while (said := hear(child)) is not None:
            live = decode_live(said.data)
            sections = {
                name: msgspec.msgpack.decode(raw, type=Number).n
                for name, raw in live.sections.items()
            }
            found.append({**sections, **dict.fromkeys(live.gone)})
        return found


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    with made.ours, made.theirs:
        yield made


def test_what_is_new_is_told_once(line: Line) -> None:
    findings = Findings(line.ours, {})
    for n in (1, 1, 2):
        findings.put("a", Number(n))
    findings.put("a", None)
    findings.put("a", None)
    assert line.got() == [{"a": 1}, {"a": 2}, {"a": None}]


def test_what_a_control_before_has_told_is_not_told_again(line: Line) -> None:
    findings = Findings(line.ours, {"a": msgspec.Raw(msgspec.msgpack.encode(Number(1)))})
    findings.put("a", Number(1))
    findings.put("b", Number(1))
    assert line.got() == [{"b": 1}]


def test_of_what_could_not_be_told_the_newest_is_told_later(line: Line) -> None:
    findings = Findings(line.ours, {})
    told = 0
    while not findings._owed:
        told += 1
        findings.put("a", Number(told))
    findings.put("a", Number(told + 1))
    findings.put("b", Number(1))
    assert line.got()[-1] == {"a": told - 1}
    findings.flush()
    assert line.got() == [{"a": told + 1, "b": 1}]
    findings.flush()
    assert line.got() == []


def test_what_did_not_arrive_is_told_once_more_with_what_is_no_more(line: Line) -> None:
    known = {name: msgspec.Raw(msgspec.msgpack.encode(Number(1))) for name in ("a", "b")}
    findings = Findings(line.ours, known)
    findings.put("b", None)
    findings.put("c", Number(3))
    findings.put("d", Number(4))
    findings.put("d", None)
    findings.put("d", Number(5))
    line.got()
    read, write = os.pipe()
    assert findings.hear(AGAIN, [read])
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(read)
    os.close(write)
    findings.flush()
    assert line.got() == [{"a": 1, "c": 3, "d": 5, "b": None}]


def test_words_about_other_things_are_left_to_others(line: Line) -> None:
    findings = Findings(line.ours, {})
    assert not findings.hear(b"snapshot", [])
    findings.flush()
    assert line.got() == []
