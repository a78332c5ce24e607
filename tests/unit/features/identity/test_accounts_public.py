"""Which routes lead to what people do with their accounts."""

from tta_gateway.features.identity.accounts_public import ALONE, OPEN, ROUTES


def test_who_has_forgotten_a_password_shows_no_token() -> None:
    assert {one.path: one.auth for one in (*ROUTES, *ALONE, *OPEN)} == {
        "/api/v1/auth/password": "required",
        "/api/v1/auth/password/change": "required",
        "/api/v1/auth/password/redeem": "none",
        "/api/v1/auth/password/reset": "none",
        "/api/v1/auth/register": "none",
    }
