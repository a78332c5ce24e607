"""Answers of services that are asked about channels: read, or unclear, and then nothing is allowed.

The first byte of the input says what the service was asked.
"""

import json
from collections.abc import Callable, Hashable
from typing import Final, TypeAlias

from tests.fuzz.contract import Pieces, Target, demand
from tests.fuzz.seeds import own
from tta_gateway.features.realtime import contract
from tta_gateway.features.realtime.codes import LONGEST_REASON, Disconnection, Refused
from tta_gateway.features.realtime.contract import Connected, Subscribed, Unclear
from tta_gateway.features.realtime.doorkeeper import Amended
from tta_gateway.features.realtime.json_codec import JsonCodec

Read: TypeAlias = Callable[[bytes], object]
_READERS: Final[dict[bytes, Read]] = {
    b"c": contract.connected,
    b"r": contract.refreshed,
    b"s": contract.subscribed,
    b"p": contract.amended,
}
_JSON: Final = JsonCodec()


def check(pieces: Pieces) -> Hashable:
    """Read one answer, and look at all that clients would be told of it."""
    data = b"".join(pieces)
    found = _read(data)
    if isinstance(found, Refused):
        demand(100 <= found.code <= 1999, "an error has a code of errors", found)
        demand(found.message.isprintable(), "a message is one line", found)
    elif isinstance(found, Disconnection):
        demand(3000 <= found.code <= 4999, "an end has a code of ends", found)
        reason = found.reason
        demand(reason.isascii() and len(reason) <= LONGEST_REASON, "a Close holds it", found)
        demand(not reason or not _is_json(reason), "a reason is not taken for JSON", found)
    for told in _told(found):
        demand(not {10, 13} & set(told), "data is one line", told)
        demand(not told or _is_json(told), "data is JSON", told)
        demand(_JSON.message(told or b"1").count(b"\n") == 0, "what is pushed is one line", told)
    return type(found).__name__, tuple(bool(told) for told in _told(found))


def _told(found: object) -> list[bytes]:
    if isinstance(found, Connected):
        return [found.about, found.data, found.meta, *found.channels.values()][:9]
    if isinstance(found, Subscribed):
        return [found.about, found.data]
    if isinstance(found, Amended):
        return [found.data]
    return [found] if isinstance(found, bytes) else []


def _is_json(text: bytes | str) -> bool:
    try:
        json.loads(text)
    except ValueError as error:
        # Its numbers may have more digits than Python reads.
        return "integer string conversion" in str(error)
    return True


def _read(data: bytes) -> object:
    try:
        return _READERS.get(data[:1], contract.returned)(data[1:])
    except Unclear:
        return None


def alone(pieces: Pieces) -> None:
    """Only read."""
    _read(b"".join(pieces))


def _seeds() -> list[bytes]:
    return own("service_answers")


TARGET: Final = Target(
    name="service_answers",
    check=check,
    alone=alone,
    seeds=_seeds,
    share=1,
    tokens=(
        b"c", b"r", b"s", b"p", b"x", b"{}", b"null", b"true", b"\n", b"\r", b'"', b"\\",
        b'"result":{', b'"error":{"code":', b'"disconnect":{"code":', b'"reason":"12"',
        b'"message":"a\\nb"', b'"data":', b'"b64data":"e30="', b'"info":', b'"b64info":"eHg="',
        b'"expire_at":', b'"channels":["a"]', b'"subs":{"a":', b'"tags":{"a":"b"}', b"1e999",
        b"[[[[[[[[", b"]]]]]]]]", b"9007199254740993", b"-1", b"4501", b"403", b"\xff", b"\xc3\xa9",
        b'"\\ud800"', b'"\\u2028"', b'"skip_history":true', b'"expired":true', b"}", b",",
    ),
)  # fmt: skip
