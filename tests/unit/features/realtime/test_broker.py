"""What is said where the store is away."""

from tta_gateway.features.realtime.broker import Away


def test_whoever_hears_that_it_is_away_hears_whether_it_may_be_done() -> None:
    told = Away("refused", may_be_done=True)
    assert told.may_be_done
    assert str(told) == told.reason == "refused"
