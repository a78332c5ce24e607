"""Records: who may log in, and what is not shown of them."""

from tta_gateway.features.identity.store import ACTIVE, DISABLED, User


def test_who_is_disabled_may_not_log_in() -> None:
    states = [User("i", "n", state, 0.0, 0.0).is_active for state in (ACTIVE, DISABLED, "other")]
    assert states == [True, False, False]


def test_no_password_is_shown() -> None:
    assert "kanarie" not in repr(User("i", "n", ACTIVE, 0.0, 0.0, password="kanarie"))
