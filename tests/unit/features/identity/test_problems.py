"""What somebody is told who has to show more (RFC 9470)."""

from tta_gateway.features.identity.problems import AUTHENTICATION_WEAK, step_up


def test_it_says_how_well_and_how_lately_and_keeps_its_code() -> None:
    made = step_up(2, 600)
    assert made.code == AUTHENTICATION_WEAK.code
    assert made.challenge == (
        'Bearer error="insufficient_user_authentication", acr_values="2", max_age="600"'
    )
