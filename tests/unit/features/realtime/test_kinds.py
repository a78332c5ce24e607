"""Which rule a channel goes by."""

import pytest

from tta_gateway.features.realtime.bound import ChannelRule
from tta_gateway.features.realtime.kinds import Kinds
from tta_gateway.features.realtime.publication import Keeping
from tta_gateway.features.realtime.session import LONGEST_CHANNEL as LONGEST

SESSION = ChannelRule(prefix="session:", parameter="session_id", size=10, seconds=60.0)
NEWS = ChannelRule(prefix="news")
KINDS = Kinds([SESSION, NEWS])


@pytest.mark.parametrize(
    ("channel", "rule"),
    [
        ("session:a", SESSION),
        ("session:a:b", SESSION),
        ("news", NEWS),
        ("news:", None),
        ("news:a", None),
        ("session", None),
        ("session:", None),
        ("sessions:a", None),
        ("session:a b", None),
        ("session:a\n", None),
        ("", None),
        (":", None),
        ("session:" + "a" * (LONGEST - 8), SESSION),
        ("session:" + "a" * (LONGEST - 7), None),
        ("session:" + "é" * ((LONGEST - 8) // 2), SESSION),
        ("session:" + "é" * (LONGEST - 8), None),
    ],
)
def test_a_channel_is_of_one_kind_or_of_none(channel: str, rule: ChannelRule | None) -> None:
    found = KINDS.find(channel)
    assert (None if found is None else found.rule) is rule


def test_the_name_says_whose_it_is() -> None:
    kind = KINDS.find("session:a:b")
    assert kind is not None
    assert KINDS.params(kind, "session:a:b") == {"session_id": "a:b"}


def test_one_channel_says_nothing_by_its_name() -> None:
    kind = KINDS.find("news")
    assert kind is not None
    assert KINDS.params(kind, "news") == {}


def test_a_kind_says_what_its_channels_keep() -> None:
    kind = KINDS.find("session:a")
    assert kind is not None
    assert kind.keeping == Keeping(10, 60)
