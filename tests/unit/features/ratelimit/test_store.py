"""What is asked of the store, and that nobody answered."""

from tta_gateway.features.ratelimit.store import Asked, Away


def test_who_is_away_says_why_and_whether_it_may_be_done_all_the_same() -> None:
    away = Away("it does not answer", may_be_done=True)
    assert (str(away), away.reason, away.may_be_done) == (
        "it does not answer",
        "it does not answer",
        True,
    )


def test_a_rate_asks_for_no_window() -> None:
    assert Asked(id="a", key="k", step=1.0, depth=2.0).window == 0
