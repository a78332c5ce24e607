from tta_gateway.features.safety.rule import FLAGS, Rule


def test_a_rule_without_flags_has_none() -> None:
    rule = Rule("one", "suicide", 2, frozenset())
    flags = (rule.stands, rule.anyone, rule.plain, rule.own, rule.weak, rule.idiom, rule.service)
    assert not any(flags)


def test_a_rule_with_all_flags_has_them() -> None:
    rule = Rule("service.one", "suicide", 0, FLAGS)
    assert rule.stands
    assert rule.anyone
    assert rule.plain
    assert rule.own
    assert rule.weak
    assert rule.idiom
    assert rule.service
