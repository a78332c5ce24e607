"""What workers are told of channels: by itself there is nothing, and nobody may do anything."""

from tta_gateway.features.realtime.bound import ChannelRule, RealtimeBound


def test_by_itself_there_is_no_real_time() -> None:
    assert RealtimeBound().connect is None
    assert RealtimeBound().channels == ()


def test_nobody_does_what_nothing_is_said_of() -> None:
    rule = ChannelRule(prefix="news")
    assert {rule.subscribe, rule.publish, rule.presence, rule.history} == {None}
