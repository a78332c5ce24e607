from tta_gateway.features.shield.attack import CALM, EACH, Attack

NOTHING = [0.0] * 6


def test_an_attack_begins_once_however_many_attack() -> None:
    attack = Attack()
    said = [attack.struck(f"192.0.2.{one}", "25 malformed", NOTHING, 100.0) for one in range(1000)]
    assert said == ["begun"] + [""] * 999
    assert attack.blocked == 1000
    assert "1000 blocked: 192.0.2.0 (25 malformed); " in attack.evidence()
    assert " and 995 more; in all " in attack.evidence()


def test_it_goes_on_now_and_then_and_is_over_when_nothing_comes() -> None:
    attack, said = Attack(), []
    assert attack.look(0.0, blocked=0) == ""
    attack.struck("192.0.2.1", "a", NOTHING, 100.0)
    for now in range(100):
        state = attack.look(100.0 + now, blocked=1 if now < 60 else 0)
        if state:
            said.append((float(now), state))
    assert said[-1] == (max(60.0, CALM), "over")
    assert [now for now, state in said if state == "goes_on"] == [
        EACH * one for one in range(1, 20)
    ]


def test_who_goes_on_attacking_without_being_blocked_is_no_end_of_it() -> None:
    attack = Attack()
    attack.saw([1.0] * 6, 100.0)  # before it began
    attack.struck("192.0.2.1", "a", NOTHING, 100.0)
    for now in range(100, 200, 10):
        attack.saw([0.0, 0.0, 5.0, 0.0, 0.0, 0.0], 20.0)
        assert attack.look(float(now), blocked=0) != "over"
    assert attack.evidence() == "1 blocked: 192.0.2.1 (a); in all 50 malformed"
    assert attack.look(190.0 + CALM, blocked=0) == "over"
    assert attack.struck("192.0.2.2", "b", NOTHING, 300.0) == "begun"
    assert attack.evidence() == "1 blocked: 192.0.2.2 (b); in all little of each"
