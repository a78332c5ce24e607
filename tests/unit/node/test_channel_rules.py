"""Channels of the configuration in force, and whom they are about."""

import msgspec
import pytest

from tests.unit.node.test_state_client import EMPTY
from tta_gateway.features.access.bound import RouteAccess
from tta_gateway.features.realtime.bound import ChannelRule, InboxBound, RealtimeBound, Receipts
from tta_gateway.kernel.route import Route
from tta_gateway.node.channel_rules import Now, personal
from tta_gateway.snapshot.model import Snapshot

NEWS = RealtimeBound(channels=(ChannelRule(prefix="news"),))


def owned(owner: str) -> Route:
    access = msgspec.Raw(msgspec.msgpack.encode(RouteAccess(owner=owner)))
    return Route(name="r", path="/", service="", features={"access": access})


BARE = Route(name="r", path="/", service="")
RULES = (
    ChannelRule(prefix="user:", parameter="user_id", subscribe=owned("user_id")),
    ChannelRule(prefix="diary:", parameter="user_id", subscribe=BARE, history=owned("user_id")),
    ChannelRule(prefix="note:", parameter="to", receipts=Receipts(to="to", seconds=60.0)),
    ChannelRule(prefix="session:", parameter="id", subscribe=owned("@owner")),
    ChannelRule(prefix="team:", parameter="id", receipts=Receipts(seconds=60.0)),
    ChannelRule(prefix="news", subscribe=BARE),
)


def snapshot(bound: RealtimeBound) -> Snapshot:
    raw = msgspec.Raw(msgspec.msgpack.encode(bound))
    return msgspec.structs.replace(EMPTY, features={"realtime": raw})


def test_whose_a_channel_is_the_rules_say() -> None:
    assert list(personal(RULES, "ada")) == ["user:ada", "diary:ada", "note:ada"]


@pytest.mark.parametrize(
    ("channel", "person"),
    [
        ("user:ada", "ada"),
        ("user:a:b", "a:b"),
        ("note:ben", "ben"),
        ("session:s1", ""),
        ("team:t1", ""),
        ("news", ""),
        ("other:x", ""),
    ],
)
def test_whom_a_channel_is_about(channel: str, person: str) -> None:
    assert Now(lambda: snapshot(RealtimeBound(channels=RULES))).about(channel) == person


def test_before_there_is_a_configuration_there_are_no_channels() -> None:
    assert Now(lambda: None).about("user:ada") == ""
    assert list(Now(lambda: None).rules()) == []


def test_kinds_are_those_of_the_configuration_in_force() -> None:
    now = [EMPTY]
    known = Now(lambda: now[0])
    kinds = known.kinds
    assert known.inbox() is None
    assert kinds().find("news") is None
    now[0] = snapshot(NEWS)
    found = kinds()
    assert found.find("news") is not None
    assert kinds() is found
    inbox = InboxBound(seconds=5.0)
    now[0] = snapshot(RealtimeBound(inbox=inbox))
    assert known.inbox() == inbox
    assert kinds().find("news") is None
