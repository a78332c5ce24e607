"""Commands and results of any kind, and how a client writes commands: what properties are about."""

import json
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from tests.helpers import client_schema
from tests.helpers.client_schema import Json
from tta_gateway.features.realtime.codes import REFUSALS, UNSUBSCRIPTIONS, Disconnection
from tta_gateway.features.realtime.command import (
    ConnectResult,
    HistoryResult,
    PingResult,
    PresenceResult,
    PresenceStatsResult,
    PublishResult,
    RefreshResult,
    Result,
    RpcResult,
    SubRefreshResult,
    SubscribeResult,
    UnsubscribeResult,
)
from tta_gateway.features.realtime.publication import ClientInfo, Position, Publication

Written: TypeAlias = dict[str, Json]

TEXT: Final = st.text(max_size=8)
NAME: Final = st.text(min_size=1, max_size=8)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
# Where null is as good as nothing, data is something else.
_THING: Final = JSON.filter(lambda value: value is not None)
_DATA: Final = JSON.map(lambda value: json.dumps(value).encode())
_MAYBE: Final = st.just(b"") | _DATA
_OFFSET: Final = st.integers(0, 2**63 - 1)
_SECONDS: Final = st.integers(0, 2**32 - 1)
_FLAG: Final = st.booleans()
_KIND: Final = st.integers(-(2**31), 2**31 - 1)


def _some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Written]:
    return st.fixed_dictionaries({}, optional=members)


_SUBSCRIBE: Final = _some(
    channel=TEXT, token=TEXT, recover=_FLAG, epoch=TEXT, offset=_OFFSET, data=_THING,
    positioned=_FLAG, recoverable=_FLAG, join_leave=_FLAG, delta=TEXT,
    tf=_some(op=TEXT, key=TEXT), flag=st.integers(-(2**63), 2**63 - 1), type=_KIND,
)  # fmt: skip
_METHODS: Final = {
    "connect": _some(
        token=TEXT,
        data=_THING,
        subs=st.dictionaries(NAME, _SUBSCRIBE, max_size=3),
        name=TEXT,
        version=TEXT,
        headers=st.dictionaries(TEXT, TEXT, max_size=3),
    ),
    "subscribe": _SUBSCRIBE,
    "unsubscribe": _some(channel=TEXT),
    "publish": _some(channel=TEXT, data=JSON, type=_KIND),
    "presence": _some(channel=TEXT),
    "presence_stats": _some(channel=TEXT),
    "history": _some(
        channel=TEXT, limit=_KIND, since=_some(offset=_OFFSET, epoch=TEXT), reverse=_FLAG
    ),
    "ping": _some(),
    "send": _some(data=JSON),
    "rpc": _some(method=TEXT, data=JSON),
    "refresh": _some(token=TEXT),
    "sub_refresh": _some(channel=TEXT, token=TEXT, type=_KIND),
}
_ID: Final = st.integers(0, 2**32 - 1)
COMMAND: Final = st.one_of(
    st.fixed_dictionaries({}, optional={"id": _ID}),
    *(
        st.fixed_dictionaries({name: members}, optional={"id": _ID})
        for name, members in _METHODS.items()
    ),
)

POSITION: Final = st.builds(Position, offset=_OFFSET, epoch=TEXT)
INFO: Final = st.builds(
    ClientInfo, user=TEXT, client=TEXT, about_session=_MAYBE, about_subscription=_MAYBE
)
PUBLICATION: Final = st.builds(
    Publication,
    data=_MAYBE,
    offset=_OFFSET,
    info=st.none() | INFO,
    tags=st.dictionaries(TEXT, TEXT, max_size=2),
    time=_OFFSET,
)
_PUBLICATIONS: Final = st.lists(PUBLICATION, max_size=3)
SUBSCRIBED: Final = st.builds(
    SubscribeResult, expires=_FLAG, ttl=_SECONDS, recoverable=_FLAG, positioned=_FLAG,
    position=POSITION, publications=_PUBLICATIONS, recovered=_FLAG, was_recovering=_FLAG,
    data=_MAYBE,
)  # fmt: skip
RESULT: Final[st.SearchStrategy[Result]] = st.one_of(
    SUBSCRIBED,
    st.builds(
        ConnectResult, client=TEXT, version=TEXT, expires=_FLAG, ttl=_SECONDS, data=_MAYBE,
        subs=st.dictionaries(TEXT, SUBSCRIBED, max_size=2), ping=_SECONDS, pong=_FLAG,
        session=TEXT, node=TEXT, time=_OFFSET,
    ),
    st.builds(UnsubscribeResult),
    st.builds(PublishResult),
    st.builds(PingResult),
    st.builds(PresenceResult, st.lists(INFO, max_size=3, unique_by=lambda info: info.client)),
    st.builds(PresenceStatsResult, _SECONDS, _SECONDS),
    st.builds(HistoryResult, _PUBLICATIONS, POSITION),
    st.builds(RpcResult, _MAYBE),
    st.builds(RefreshResult, client=TEXT, version=TEXT, expires=_FLAG, ttl=_SECONDS),
    st.builds(SubRefreshResult, _FLAG, _SECONDS),
)  # fmt: skip
REFUSED: Final = st.sampled_from(REFUSALS)
UNSUBSCRIBED: Final = st.sampled_from(UNSUBSCRIPTIONS)
DISCONNECTED: Final = st.builds(Disconnection, st.integers(3000, 4999), NAME)


_SUBSCRIPTION: Final[Written] = {
    "token": "t", "recover": True, "epoch": "e", "offset": 3, "data": {"x": 1}, "positioned": True,
    "recoverable": True, "join_leave": True, "delta": "fossil", "tf": {}, "flag": -1, "type": 2,
}  # fmt: skip
EVERY_COMMAND: Final[list[Written]] = [
    {},
    {
        "id": 1,
        "connect": {
            "token": "t",
            "data": 1,
            "subs": {"a": _SUBSCRIPTION},
            "name": "js",
            "version": "5",
            "headers": {"h": "v"},
        },
    },
    {"id": 2, "subscribe": {"channel": "a", **_SUBSCRIPTION}},
    {"id": 3, "unsubscribe": {"channel": "a"}},
    {"id": 4, "publish": {"channel": "a", "data": [1], "type": -1}},
    {"id": 5, "presence": {"channel": "a"}},
    {"id": 6, "presence_stats": {"channel": "a"}},
    {"id": 7, "history": {"channel": "a", "limit": -1, "since": {"offset": 3}, "reverse": True}},
    {"id": 8, "history": {"channel": "a"}},
    {"id": 9, "ping": {}},
    {"send": {"data": 1}},
    {"id": 10, "rpc": {"method": "m", "data": 1}},
    {"id": 11, "refresh": {"token": "t"}},
    {"id": 12, "sub_refresh": {"channel": "a", "token": "t", "type": 1}},
]
_WHOLE: Final = Publication(b"1", 3, ClientInfo("u", "c", b"1", b"2"), {"k": "v"}, 5)
_THERE: Final = SubscribeResult(
    expires=True, ttl=9, recoverable=True, positioned=True, position=Position(9, "e"),
    publications=[_WHOLE], recovered=True, was_recovering=True, data=b"1",
)  # fmt: skip
EVERY_RESULT: Final[list[Result]] = [
    _THERE,
    ConnectResult(client="c", subs={"a": _THERE}, data=b"1", expires=True, ttl=1),
    UnsubscribeResult(),
    PublishResult(),
    PingResult(),
    PresenceResult([ClientInfo("u", "c")]),
    PresenceStatsResult(2, 1),
    HistoryResult([_WHOLE], Position(9, "e")),
    RpcResult(b"1"),
    RefreshResult(client="c", version="v", expires=True, ttl=9),
    SubRefreshResult(True, 9),
]


def in_json(*commands: Written) -> bytes:
    """Return the frame of an SDK that writes JSON."""
    lines = [json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in commands]
    return "\n".join(lines).encode()


def in_protobuf(*commands: Written) -> bytes:
    """Return the frame of an SDK that writes Protocol Buffers."""
    return client_schema.written(*(client_schema.command(**each) for each in commands))
