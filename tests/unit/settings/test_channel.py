"""Rules of channels, as whoever checks routes sees them."""

from tta_gateway.settings.channel import rules
from tta_gateway.settings.document import Value


def test_each_rule_looks_like_a_route() -> None:
    channel: Value = {"service": "players", "subscribe": {"roles": ["player"]}, "publish": "off"}
    found = list(rules({"realtime": {"channels": {"session:{id}": channel}}}))
    assert found == [
        (
            ("realtime", "channels", "session:{id}", "subscribe"),
            {"roles": ["player"], "path": "/session/{id}", "service": "players"},
        )
    ]


def test_who_may_connect_has_limits_too() -> None:
    ((where, found),) = rules({"realtime": {"rate_limit": "much"}})
    assert (where, found["rate_limit"]) == (("realtime",), "much")


def test_what_is_no_mapping_has_no_rules() -> None:
    assert list(rules({"realtime": None})) == list(rules({})) == []
