"""A worker lets go of people who are erased, of each once."""

from typing import Any, cast

import msgspec

from tests.helpers.house import Events
from tta_gateway.features.erasure.bound import ERASED, Erased
from tta_gateway.node.live_erasures import LiveErasures
from tta_gateway.node.sections import Sections


def told(**people: str) -> dict[str, msgspec.Raw]:
    return {ERASED: msgspec.Raw(msgspec.msgpack.encode(Erased(people=people)))}


def test_those_that_are_new_are_ended_everywhere_and_once() -> None:
    events, ended = Events(), list[str]()
    erasures = LiveErasures(Sections(cast("Any", events)), told(e1="clinic/old"))
    erasures.ends += [ended.append, lambda person: ended.append(f"also {person}")]
    erasures.follow(told(e1="clinic/old"))
    assert ended == []
    erasures.follow(told(e1="clinic/old", e2="clinic/ada"))
    assert ended == ["clinic/ada", "also clinic/ada"]
    erasures.follow(told(e2="clinic/ada"))
    erasures.follow({})
    assert len(ended) == 2
    erasures.follow({ERASED: msgspec.Raw(b"\xc1")})
    assert [name for name, _ in events.told] == ["finding_not_read"]
    erasures.follow(told(e3="clinic/ada"))
    assert ended[2:] == ["clinic/ada", "also clinic/ada"]
